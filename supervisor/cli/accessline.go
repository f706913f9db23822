package cli

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"rota/listener/front"
)

// appendText appends a line of the Combined Log Format as Apache and nginx write
// it, followed by the seconds that the request took, those of them that it
// waited for a worker, and the slot:
//
//	192.0.2.1 - - [02/Jan/2026:15:04:05 +0000] "GET /a?b HTTP/1.1" 200 512 "-" "curl/8.5.0" 0.004211 0.000000 2
//
// What is not known is a "-". The time is that of the request's beginning.
func appendText(dst []byte, a *front.Answer) []byte {
	dst = appendEscaped(dst, a.Client)
	dst = append(dst, " - - ["...)
	dst = a.Began.AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `] "`...)
	if r := a.Request; r != nil {
		dst = append(appendEscaped(dst, r.Method), ' ')
		dst = append(appendEscaped(dst, r.RequestURI), ' ')
		dst = appendEscaped(dst, r.Proto)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, `" `...)
	dst = strconv.AppendInt(dst, int64(a.Code), 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, a.Bytes, 10)
	for _, name := range []string{referer, userAgent} {
		dst = append(dst, ` "`...)
		dst = appendEscaped(dst, header(a.Request, name))
		dst = append(dst, '"')
	}
	for _, d := range []time.Duration{a.Duration, a.Waited} {
		dst = append(dst, ' ')
		dst = appendSeconds(dst, d)
	}
	dst = append(dst, ' ')
	if a.Slot == front.NoSlot {
		dst = append(dst, '-')
	} else {
		dst = strconv.AppendInt(dst, int64(a.Slot), 10)
	}
	return append(dst, '\n')
}

// appendEscaped appends what a client chose as nginx does: all but printable
// ASCII, and the quotes and the backslash, as \xXX. So no client can end a field
// or a line, or send a terminal anything but text.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	if s == "" {
		return append(dst, '-')
	}
	from := 0
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
			from = i + 1
		}
	}
	return append(dst, s[from:]...)
}

// appendJSON appends a line that is one JSON object. Empty texts and what is
// false are left out; slot is null if no worker got the request.
func appendJSON(dst []byte, a *front.Answer) []byte {
	dst = append(dst, `{"time":"`...)
	dst = a.Began.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, '"')
	text := func(key, s string) {
		if s != "" {
			dst = append(dst, key...)
			dst = appendQuoted(dst, s)
		}
	}
	text(`,"client":`, a.Client)
	if r := a.Request; r != nil {
		text(`,"method":`, r.Method)
		text(`,"target":`, r.RequestURI)
		text(`,"proto":`, r.Proto)
	}
	dst = strconv.AppendInt(append(dst, `,"code":`...), int64(a.Code), 10)
	dst = strconv.AppendInt(append(dst, `,"bytes":`...), a.Bytes, 10)
	text(`,"referer":`, header(a.Request, referer))
	text(`,"user_agent":`, header(a.Request, userAgent))
	dst = appendSeconds(append(dst, `,"duration_s":`...), a.Duration)
	dst = appendSeconds(append(dst, `,"waited_s":`...), a.Waited)
	dst = append(dst, `,"slot":`...)
	if a.Slot == front.NoSlot {
		dst = append(dst, "null"...)
	} else {
		dst = strconv.AppendInt(dst, int64(a.Slot), 10)
	}
	text(`,"kind":`, a.Kind)
	text(`,"shed":`, a.Shed)
	text(`,"failure":`, a.Failure)
	if a.Retried {
		dst = append(dst, `,"retried":true`...)
	}
	if a.Cut {
		dst = append(dst, `,"cut":true`...)
	}
	return append(dst, "}\n"...)
}

// appendQuoted appends a JSON string as encoding/json makes it, RFC 8259: bytes
// that are no UTF-8 become U+FFFD. What some readers take for the end of a line
// (U+2028, U+2029) or a terminal for a command (DEL, C1) is escaped too.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c, size := rune(s[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(s[i:])
		}
		wrong := c == utf8.RuneError && size == 1
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' || wrong {
			dst = append(dst, s[from:i]...)
			dst = append(dst, '\\', 'u', hex[c>>12&15], hex[c>>8&15], hex[c>>4&15], hex[c&15])
			from = i + size
		}
		i += size
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// appendSeconds appends a duration in seconds, to the microsecond.
func appendSeconds(dst []byte, d time.Duration) []byte {
	us := max(d.Microseconds(), 0) // a clock cannot run backwards; a line that did not parse would be worse
	dst = strconv.AppendInt(dst, us/1e6, 10)
	dst = append(dst, '.')
	for digit := int64(1e5); digit > 0; digit /= 10 {
		dst = append(dst, byte('0'+us/digit%10))
	}
	return dst
}

// Headers that a line has, as net/http spells them.
const (
	referer   = "Referer"
	userAgent = "User-Agent"
)

func header(r *http.Request, name string) string {
	if r != nil {
		if values := r.Header[name]; len(values) > 0 {
			return values[0]
		}
	}
	return ""
}
