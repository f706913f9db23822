package front

import "math"

// framing checks what a client of HTTP/1.0 or 1.1 sends, byte by byte, before
// net/http reads it. It lets the bytes be, and refuses all that two readers
// could understand differently: net/http takes a line that ends with LF alone,
// folded fields, both ways of giving a length at once and more (RFC 9112,
// section 11.2, "request smuggling", is what comes of it when a worker reads
// the same bytes otherwise). Whatever it accepts ends, for net/http too, where
// it ended here; FuzzFraming compares the two.
//
// It keeps no line, so its memory does not grow. It does not limit the size of
// a header: net/http does, and answers 431. It does not look for the Host field:
// net/http refuses a request of HTTP/1.1 with none, or with two. After the
// connection preface of HTTP/2 it checks nothing more.
//
// A request that asks for an upgrade is followed by HTTP until passthrough is
// called: a client has to wait for the 101 before it speaks anything else. It
// is for one goroutine at a time.
type framing struct {
	state   state
	refused framingError // empty as long as all was well
	off     bool         // nothing is HTTP/1 any more
	begun   bool         // a whole header was seen, so that a handler may be at work

	count    int // of bytes of a fixed text that matched, of empty lines, or of a number's digits
	old      bool
	trailer  bool // the fields are those after a chunked body
	trailing int  // bytes of them so far

	name    [longestName]byte // of the field, as far as it fits
	nameLen int               // longestName+1 when it does not
	kind    kind
	part    part

	length    int64 // by Content-Length, valid if hasLength
	hasLength bool
	chunked   bool
	rest      int64 // bytes of the body, or of the chunk, that are still to come
	lineLen   int   // of a chunk's first line
	excess    int64
}

// framingError is why bytes were refused. It is no net.Error, and no io.EOF, on
// which net/http would close the connection without an answer.
type framingError string

func (e framingError) Error() string { return "refused what the client sent: " + string(e) }

type state uint8

const (
	atStart   state = iota // nothing but a part of the preface of HTTP/2 was seen
	atRequest              // before a request
	atEmptyLF              // in an empty line before one
	inMethod
	atTarget
	inTarget
	inVersion
	atRequestLF // at the end of the request line
	atField     // before a field, or the end of all
	inName
	inValue
	atFieldLF
	atHeaderLF // in the empty line after the last field
	inBody     // as long as Content-Length says
	atChunk    // before the size of a chunk
	inChunkSize
	inExtension
	atChunkLF
	inChunk
	afterChunk
	afterChunkLF
)

// preface is what a client sends that knows that the server speaks HTTP/2 (RFC
// 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// prefaceLine is the part of it that is a request to net/http already.
const prefaceLine = len("PRI * HTTP/2.0")

// maxEmptyLines may come before a request. Old browsers send one after a form;
// net/http takes up to two, and these only after a POST.
const maxEmptyLines = 2

// newFraming is for a connection that nothing was read from yet.
func newFraming() framing { return framing{} }

// check looks at the next bytes that a client sent. It returns how many of them
// may be passed on: all, or those before the offence. After an error it accepts
// nothing more.
func (f *framing) check(p []byte) (n int, err error) {
	for n < len(p) && f.refused == "" && !f.off {
		switch {
		case f.state < atField:
			n += f.requestLine(p[n:])
		case f.state < inBody:
			n += f.field(p[n:])
		default:
			n += f.body(p[n:])
		}
	}
	if f.refused != "" {
		return n, f.refused
	}
	return len(p), nil
}

// passthrough ends the checks: the connection is not HTTP any more.
func (f *framing) passthrough() { f.off = true }

// inBody tells whether what comes next belongs to the body of a request, its
// trailer included.
func (f *framing) inBody() bool {
	return !f.off && (f.state >= inBody || f.trailer)
}

// idle tells whether a request has ended and nothing of the next has come.
func (f *framing) idle() bool {
	return !f.off && f.begun && f.state == atRequest && f.count == 0
}

// undecided tells whether what was seen is a request to net/http, but only the
// rest of the preface will make it a good one.
func (f *framing) undecided() bool {
	return !f.off && f.state == atStart && f.count >= prefaceLine
}

// refuse says, from any of the functions below, that the byte after the next n
// must not be passed on.
func (f *framing) refuse(n int, why framingError) int {
	f.refused = why
	return n
}

// want goes to the next state if the next byte is c.
func (f *framing) want(p []byte, c byte, next state, why framingError) int {
	if p[0] != c {
		return f.refuse(0, why)
	}
	f.state = next
	return 1
}

// requestLine, like field and body, looks at some of p, which is not empty, and
// returns at how many bytes.
func (f *framing) requestLine(p []byte) int {
	switch f.state {
	case atStart:
		return f.start(p)
	case atRequest:
		return f.method(p)
	case atEmptyLF:
		return f.want(p, '\n', atRequest, "CR without LF before a request")
	case inMethod:
		n := tokenLen(p)
		if n < len(p) {
			n += f.want(p[n:], ' ', atTarget, "a method that is not followed by a space")
		}
		return n
	case atTarget:
		if !isTarget(p[0]) {
			return f.refuse(0, "no target after the method")
		}
		f.state = inTarget
		return 1
	case inTarget:
		n := targetLen(p)
		if n < len(p) {
			n += f.want(p[n:], ' ', inVersion, "a target that is not followed by a space and the version")
			f.count = 0
		}
		return n
	case inVersion:
		return f.version(p)
	default:
		return f.want(p, '\n', atField, "CR without LF after the version")
	}
}

// start compares with the preface of HTTP/2. Where that ends, what was the same
// was the begin of a request.
func (f *framing) start(p []byte) int {
	n := 0
	for ; n < len(p); n++ {
		if p[n] != preface[f.count] {
			break
		}
		if f.count++; f.count == len(preface) {
			f.off = true
			return n + 1
		}
	}
	if n == len(p) {
		return n
	}
	same := preface[:f.count]
	f.state, f.count = atRequest, 0
	f.check([]byte(same))
	if f.refused != "" {
		return 0
	}
	return n
}

// method looks at the first byte of a request, or of an empty line before it.
func (f *framing) method(p []byte) int {
	if p[0] == '\r' {
		if f.count++; f.count > maxEmptyLines {
			return f.refuse(0, "empty lines before a request")
		}
		f.state = atEmptyLF
		return 1
	}
	if !isToken[p[0]] {
		return f.refuse(0, "a request that does not begin with a method")
	}
	f.hasLength, f.chunked, f.trailer = false, false, false
	f.state = inMethod
	return 1
}

func (f *framing) version(p []byte) int {
	const fixed = "HTTP/1."
	switch c := p[0]; {
	case f.count < len(fixed) && c == fixed[f.count]:
	case f.count == len(fixed) && (c == '0' || c == '1'):
		f.old = c == '0'
	case f.count > len(fixed):
		return f.want(p, '\r', atRequestLF, "a version that is not followed by CR LF")
	default:
		return f.refuse(0, "a version that is neither HTTP/1.0 nor HTTP/1.1")
	}
	f.count++
	return 1
}

// headerEnd says what comes after the empty line.
func (f *framing) headerEnd() {
	f.begun = true
	switch {
	case f.trailer:
		f.messageEnd()
	case f.chunked:
		f.state, f.excess = atChunk, 0
	case f.hasLength && f.length > 0:
		f.state, f.rest = inBody, f.length
	default:
		f.messageEnd()
	}
}

func (f *framing) messageEnd() {
	f.state, f.count, f.trailer = atRequest, 0, false
}

// addDigit makes n the number with one more digit, or says that it is more than most.
func addDigit(n *int64, base, digit, most int64) bool {
	if *n > (most-digit)/base {
		return false
	}
	*n = *n*base + digit
	return true
}

const maxLength = math.MaxInt64 // of a body; what net/http can count
