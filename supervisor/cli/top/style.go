package top

import "strings"

// colour is one of those that every terminal with colours has; the zero colour
// is the terminal's own.
type colour uint8

const (
	plain colour = iota
	red
	green
	yellow
	blue
	cyan
	grey
)

// codes are the SGR parameters of the colours, see ECMA-48 and, for grey,
// aixterm's bright ones.
var codes = [...]string{plain: "", red: "31", green: "32", yellow: "33", blue: "34", cyan: "36", grey: "90"}

// style is how a cell looks. What a colour says is always said in words too, so
// that nothing is lost where there are none.
type style struct {
	colour  colour
	bold    bool
	reverse bool
}

// sgr is the control sequence that sets a style, whatever was set before.
func (s style) sgr(colours bool) string {
	parts := []string{"0"}
	if s.bold {
		parts = append(parts, "1")
	}
	if s.reverse {
		parts = append(parts, "7")
	}
	if colours && s.colour != plain {
		parts = append(parts, codes[s.colour])
	}
	return "\x1b[" + strings.Join(parts, ";") + "m"
}
