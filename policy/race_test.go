//go:build race

package policy

import "flag"

// raced: the race detector is in it, which finds nothing where nothing runs beside
// anything else, and makes it slow.
const raced = true

func init() {
	if err := flag.Set("rapid.checks", "20"); err != nil { // of 100; -rapid.checks has the last word
		panic(err)
	}
}
