// Package cli is rota's command line: its flags, its environment, its file,
// and the commands that read them.
//
// The set of flags is the one schema. The keys of the file are the names of the
// flags, and the environment's are derived from them; a flag wins over the
// environment, which wins over the file, which wins over the default.
package cli

import "rota/supervisor"

// Settings is all that an operator asked for, checked.
type Settings struct {
	Config supervisor.Config // Policy.Seed is left to whoever starts the pool

	Admin      string // host:port, or empty for none
	AdminAuth  AdminAuth
	Control    string   // path of the control socket, empty for the default one, or off
	LogLevel   string   // trace, debug, info, warn or error
	LogFormat  string   // text or json
	LogFile    string   // empty for standard error
	ConfigFile string   // empty for none
	AccessLog  string   // off, text or json
	Watch      []string // files whose change rolls the pool

	Values   []Value  // every setting, in the order of the flags, and the command
	Warnings []string // what an operator should know, though nothing is wrong with it
}

// AdminAuth is what else the admin address is given.
type AdminAuth struct {
	TokenFile string // empty: nobody may change anything there
	TLSCert   string // PEM; empty for no TLS, as is TLSKey then
	TLSKey    string
	Insecure  bool // a token without TLS is fine on any address
}

// Value is one setting with where it came from.
type Value struct {
	Name   string
	Value  string // as an operator would write it
	Source string // flag, ROTA_MAX_MEMORY, rota.yaml:3, default, WEB_CONCURRENCY, CPUs
}

// startTries is how many failed starts of one slot end a pool that never was
// ready. One may be bad luck; a program that is wrong fails each time.
const startTries = 3

// Sources of a value that no name stands for.
const (
	fromFlag      = "flag"
	fromDefault   = "default"
	fromCPUs      = "CPUs"
	fromArguments = "arguments" // the command, after --
)

// webConcurrency is what platforms set to the number of workers that fits.
const webConcurrency = "WEB_CONCURRENCY"

// off turns a setting off.
const off = "off"
