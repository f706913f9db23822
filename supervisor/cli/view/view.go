// Package view is what a pool looks like in a terminal. It is pure: what package
// api tells goes in, text comes out; the width and the colours are parameters.
//
// All of it is ASCII, but for the sparklines where a terminal shows UTF-8: so the
// width of a text is its length, and what comes from the pool, like the path of a
// socket, can neither move a terminal's cursor nor hide anything.
package view

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Options say what the terminal can show.
type Options struct {
	Width   int  // columns
	Color   bool // escape sequences for colours; what they say is always said in words too
	Unicode bool // block characters in sparklines
	All     bool // every column of a table and every word, whatever the width
}

// Clean is s as a terminal may get it: all but printable ASCII is escaped as in Go.
func Clean(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && ' ' <= s[i] && s[i] <= '~'
	}
	if plain {
		return s
	}
	var b []byte
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case ' ' <= r && r <= '~':
			b = append(b, s[0])
		case r == utf8.RuneError && size == 1:
			b = append(b, `\x`...)
			b = append(b, "0123456789abcdef"[s[0]>>4], "0123456789abcdef"[s[0]&15])
		default:
			quoted := strconv.AppendQuoteRuneToASCII(nil, r)
			b = append(b, quoted[1:len(quoted)-1]...)
		}
		s = s[size:]
	}
	return string(b)
}

// style is how a text stands out.
type style string

// The styles, as ECMA-48 SGR parameters. Only the eight basic colours: those are
// readable on what background the terminal has.
const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// paint gives a text its style. Its width must have been settled before.
func (o Options) paint(s style, text string) string {
	if !o.Color || s == plain || strings.TrimSpace(text) == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// cut is a text of at most width columns; what is left out leaves dots.
func cut(text string, width int) string {
	switch {
	case utf8.RuneCountInString(text) <= width:
		return text
	case width <= 3:
		return text[:max(width, 0)]
	}
	return text[:width-3] + "..."
}

// wrap breaks a text into lines at its spaces. Words that do not fit into a line
// are broken anywhere, so that none of it is lost.
func wrap(text string, first, width int) []string {
	var lines []string
	line, room := "", max(first, 1)
	next := func() {
		lines, line, room = append(lines, line), "", max(width, 1)
	}
	for _, word := range strings.Fields(text) {
		gap := 0
		if line != "" {
			gap = 1
		}
		if len(line)+gap+len(word) > room && line != "" {
			next()
		} else if gap > 0 {
			line += " "
		}
		for len(line)+len(word) > room {
			n := room - len(line)
			line, word = line+word[:n], word[n:]
			next()
		}
		line += word
	}
	return append(lines, line)
}

// bar shows a share, of 0 to 1, in width columns.
func bar(share float64, width int) string {
	inside := width - 2
	filled := int(min(max(share, 0), 1) * float64(inside))
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", inside-filled) + "]"
}

// level is the style of something that should not fill up.
func level(share float64) style {
	switch {
	case share >= .95:
		return red
	case share >= .8:
		return yellow
	}
	return green
}
