package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rota/supervisor"
)

// Exit codes of the commands that ask a running pool, beside those of rota itself in
// package supervisor and those of its command in package launch. What timeout(1) and
// shells have codes for has theirs.
const (
	exitRefused     = 1   // the pool cannot do it, or what was asked for has failed
	exitDegraded    = 3   // not all workers are ready
	exitUnreachable = 4   // no pool answers
	exitTimedOut    = 124 // --timeout has passed
	exitSignal      = 128 // and the number of the signal that ended the command
)

// ExitError is an error that says with which code rota ends.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap is the error without its code.
func (e *ExitError) Unwrap() error { return e.Err }

// usage marks an error as the operator's to mend; nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &ExitError{Code: supervisor.ExitUsage, Err: err}
}

// flagError turns what pflag says about the command line into a usage error
// with a remedy. It is made for cobra's SetFlagErrorFunc.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	helpHint := "see " + cmd.CommandPath() + " --help"
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return usage(fmt.Errorf("%w (%s)", err, helpHint))
	}
	name := missing.GetSpecifiedName()
	if missing.GetSpecifiedShortnames() != "" {
		return usage(fmt.Errorf("unknown flag -%s (%s)", name, helpHint))
	}
	hint := helpHint
	if near := nearest(name, flagNames(cmd.Flags())); near != "" {
		hint = fmt.Sprintf("did you mean --%s? %s", near, helpHint)
	}
	return usage(fmt.Errorf("unknown flag --%s (%s)", name, hint))
}

// flagNames lists the flags of a set, for suggestions.
func flagNames(fs *pflag.FlagSet) []string {
	var names []string
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
