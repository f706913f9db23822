package front

import (
	"encoding/binary"
	"math/bits"
)

// isToken are the characters of a method and of a field's name (RFC 9110,
// section 5.6.2).
var isToken = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

func tokenLen(p []byte) int {
	for i, c := range p {
		if !isToken[c] {
			return i
		}
	}
	return len(p)
}

// isTarget tells what a request's target may be made of. Bytes above 0x7f do not
// belong there, but are sent, and net/http encodes them.
func isTarget(c byte) bool { return c > ' ' && c != 0x7f }

func targetLen(p []byte) int {
	for i, c := range p {
		if !isTarget(c) {
			return i
		}
	}
	return len(p)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isText tells what a value, or the extension of a chunk, may be made of.
func isText(c byte) bool { return c >= ' ' && c != 0x7f || c == '\t' }

// textLen is how much of p that is. It looks at eight bytes at once for one that
// is below 0x20, or 0x7f; a tab among them is looked at by itself.
func textLen(p []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for n < len(p) {
		if n+8 <= len(p) {
			x := binary.LittleEndian.Uint64(p[n:])
			y := x ^ 0x7f*ones
			found := ((x-0x20*ones)&^x | (y-ones)&^y) & tops
			if found == 0 {
				n += 8
				continue
			}
			n += bits.TrailingZeros64(found) / 8 // the first; what is above may not be one
		}
		if !isText(p[n]) {
			return n
		}
		n++
	}
	return n
}
