package top

import "unicode/utf8"

// key is a key that was pressed: a character, or a name like "up".
type key string

// The keys that are no characters.
const (
	keyUp       key = "up"
	keyDown     key = "down"
	keyLeft     key = "left"
	keyRight    key = "right"
	keyHome     key = "home"
	keyEnd      key = "end"
	keyPageUp   key = "page-up"
	keyPageDown key = "page-down"
	keyEnter    key = "enter"
	keyEscape   key = "escape"
	keyTab      key = "tab"
	keyCtrlC    key = "ctrl-c"
	keyCtrlL    key = "ctrl-l"
	keyCtrlZ    key = "ctrl-z"
)

// controls are the keys that send one byte.
var controls = map[byte]key{3: keyCtrlC, 9: keyTab, 10: keyEnter, 12: keyCtrlL, 13: keyEnter, 26: keyCtrlZ}

// sequences are what terminals send for the other keys, behind ESC [ or ESC O.
var sequences = map[string]key{
	"A": keyUp, "B": keyDown, "C": keyRight, "D": keyLeft, "H": keyHome, "F": keyEnd,
	"1~": keyHome, "7~": keyHome, "4~": keyEnd, "8~": keyEnd, "5~": keyPageUp, "6~": keyPageDown,
}

// decoder makes keys of what a terminal sends.
type decoder struct{ rest []byte }

// feed takes bytes and returns the keys that are complete. An ESC at the end may
// be the key, or begin a sequence: pending tells so, and flush ends it.
func (d *decoder) feed(input []byte) []key {
	d.rest = append(d.rest, input...)
	var keys []key
	for len(d.rest) > 0 {
		k, n := decode(d.rest)
		if n == 0 {
			break
		}
		if d.rest = d.rest[n:]; k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

// pending tells whether something has begun that is not complete.
func (d *decoder) pending() bool { return len(d.rest) > 0 }

// flush ends what has begun, as nothing more came.
func (d *decoder) flush() []key {
	alone := len(d.rest) == 1 && d.rest[0] == 0x1b
	d.rest = nil
	if alone {
		return []key{keyEscape}
	}
	return nil
}

// longest bounds a sequence, so that rubbish does not wait for its end.
const longest = 32

// decode takes one key off b, or with the empty key what is none; n is 0 while
// more bytes are needed.
func decode(b []byte) (k key, n int) {
	switch {
	case b[0] == 0x1b:
		return escape(b)
	case b[0] < 0x20 || b[0] == 0x7f:
		return controls[b[0]], 1
	case !utf8.FullRune(b):
		return "", 0
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError {
		return "", n
	}
	return key(b[:n]), n
}

// escape takes a sequence that begins with ESC.
func escape(b []byte) (k key, n int) {
	if len(b) == 1 {
		return "", 0
	}
	if b[1] != '[' && b[1] != 'O' {
		return keyEscape, 1 // what follows is a key of its own
	}
	for i := 2; i < len(b); i++ {
		if b[i] < 0x20 || b[i] > 0x7e || i > longest {
			return "", i
		}
		if b[i] >= 0x40 {
			return sequences[string(b[2:i+1])], i + 1
		}
	}
	return "", 0
}
