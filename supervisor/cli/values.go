package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// spanValue is a flag whose value is a duration as rota reads them everywhere.
type spanValue struct{ d *time.Duration }

func (v spanValue) Type() string { return "TIME" }

func (v spanValue) String() string {
	if v.d == nil || *v.d == 0 { // pflag asks a zero value, and shows no default that is one
		return ""
	}
	return formatDuration(*v.d)
}

func (v spanValue) Set(text string) error {
	d, err := ParseDuration(text)
	if err == nil && d == 0 {
		err = fmt.Errorf("%q is no time at all (%s)", text, durationRemedy)
	}
	*v.d = d
	return err
}

// choiceValue is a flag that has one of a few values.
type choiceValue struct {
	chosen  *string
	choices []string
}

func (v choiceValue) Type() string { return strings.Join(v.choices, "|") }

func (v choiceValue) String() string {
	if v.chosen == nil {
		return ""
	}
	return *v.chosen
}

func (v choiceValue) Set(text string) error {
	if !slices.Contains(v.choices, text) {
		return fmt.Errorf("want %s", strings.Join(v.choices, ", "))
	}
	*v.chosen = text
	return nil
}

// pathValue is a flag that is called a path in the help.
type pathValue struct{ pflag.Value }

func (v pathValue) Type() string { return "PATH" }
