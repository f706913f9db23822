package front

import "bytes"

// kind is what a field means to the framing.
type kind uint8

const (
	plainField kind = iota
	lengthField
	codingField
)

// part is where in the value of a Content-Length or Transfer-Encoding.
type part uint8

const (
	beforeValue part = iota
	withinValue
	afterValue
)

// longestName is of those that matter, "proxy-authorization" and shorter ones.
const longestName = 24

// maxTrailer is for all fields after a chunked body, in bytes. net/http takes no
// more than fit into its buffer of 4096; as it is kept below, a body is never
// read with one byte of space, by which clientConn.Read knows another read.
const maxTrailer = 4000

// field looks at a line of the header or of the trailer.
func (f *framing) field(p []byte) int {
	if f.trailer {
		p = p[:min(len(p), maxTrailer-f.trailing)]
		if len(p) == 0 {
			return f.refuse(0, "a trailer that is too long")
		}
		n := f.fieldPart(p)
		f.trailing += n
		return n
	}
	return f.fieldPart(p)
}

func (f *framing) fieldPart(p []byte) int {
	switch f.state {
	case atField:
		return f.fieldStart(p)
	case inName:
		n := tokenLen(p)
		f.addName(p[:n])
		if n < len(p) {
			n += f.fieldName(p[n:])
		}
		return n
	case inValue:
		return f.value(p)
	case atFieldLF:
		return f.want(p, '\n', atField, "CR without LF in the header")
	default:
		n := f.want(p, '\n', atRequest, "CR without LF after the header")
		if n > 0 {
			f.headerEnd()
		}
		return n
	}
}

func (f *framing) fieldStart(p []byte) int {
	switch c := p[0]; {
	case c == '\r':
		f.state = atHeaderLF
		return 1
	case c == ' ' || c == '\t':
		return f.refuse(0, "a field that is continued on the next line")
	case c == '\n':
		return f.refuse(0, "LF without CR in the header")
	case !isToken[c]:
		return f.refuse(0, "a field without a name")
	}
	f.state, f.nameLen = inName, 0
	return 0
}

// addName keeps more of a name, as long as it may be one that matters.
func (f *framing) addName(p []byte) {
	if f.nameLen+len(p) > longestName {
		f.nameLen = longestName + 1
		return
	}
	f.nameLen += copy(f.name[f.nameLen:], p)
}

// fieldName looks at what ends a name.
func (f *framing) fieldName(p []byte) int {
	n := f.want(p, ':', inValue, "a field's name that is not followed by a colon")
	if n == 0 {
		return 0
	}
	f.kind, f.part = plainField, beforeValue
	switch {
	case f.nameLen > longestName:
		return n
	case f.trailer:
		if why := f.trailerName(); why != "" {
			return f.refuse(0, why)
		}
		return n
	case f.nameLen != len("content-length") && f.nameLen != len("transfer-encoding"):
		return n
	}
	if why := f.framingName(); why != "" {
		return f.refuse(0, why)
	}
	return n
}

// framingName looks whether the field says how long the body is. A name with an
// underscore is not one of these, but programs that go by CGI's variables take it
// for one.
func (f *framing) framingName() framingError {
	underscore := bytes.IndexByte(f.name[:f.nameLen], '_') >= 0
	switch string(f.foldName()) {
	case "content-length":
		f.kind = lengthField
	case "transfer-encoding":
		f.kind = codingField
	default:
		return ""
	}
	switch {
	case underscore:
		return "an underscore in the name of Content-Length or Transfer-Encoding"
	case f.kind == codingField && f.old:
		return "Transfer-Encoding in HTTP/1.0"
	case f.kind == codingField && f.chunked:
		return "more than one Transfer-Encoding"
	case f.kind == lengthField && f.hasLength:
		return "more than one Content-Length"
	case f.chunked || f.hasLength:
		return "both Content-Length and Transfer-Encoding"
	}
	f.length, f.count = 0, 0
	f.hasLength = f.kind == lengthField
	f.chunked = f.kind == codingField
	return ""
}

// trailerName refuses fields that must not come after a body, because the
// request was understood by then: by RFC 9110, section 6.5.1, what frames it,
// routes it, says who sends it or what the body is.
func (f *framing) trailerName() framingError {
	if headerOnly(string(f.foldName())) {
		return "a field in the trailer that belongs into the header"
	}
	return ""
}

// headerOnly tells whether a field, in lower case and with dashes, belongs into
// the header alone.
func headerOnly(name string) bool {
	switch name {
	case "content-length", "transfer-encoding", "trailer", "te", "connection", "keep-alive", "upgrade",
		"host", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip",
		"expect", "max-forwards", "authorization", "proxy-authorization", "proxy-connection", "cookie",
		"content-type", "content-encoding", "content-range":
		return true
	}
	return false
}

// foldName is the name in lower case, and with dashes for underscores.
func (f *framing) foldName() []byte {
	name := f.name[:f.nameLen]
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c | 0x20
		} else if c == '_' {
			name[i] = '-'
		}
	}
	return name
}

func (f *framing) value(p []byte) int {
	n := 0
	if f.kind == plainField {
		if n = textLen(p); n == len(p) {
			return n
		}
	}
	switch c := p[n]; {
	case c == '\n':
		return f.refuse(n, "LF without CR in the header")
	case c != '\r' && !isText(c):
		return f.refuse(n, "a control character in a field")
	case f.kind == lengthField:
		return f.lengthValue(c)
	case f.kind == codingField:
		return f.codingValue(c)
	}
	f.state = atFieldLF
	return n + 1
}

// lengthValue looks at one byte of a Content-Length: digits, with blanks around.
func (f *framing) lengthValue(c byte) int {
	const why = "a Content-Length that is not a number"
	switch {
	case c == '\r' && f.part != beforeValue:
		f.state = atFieldLF
	case isBlank(c):
		f.blank()
	case c < '0' || c > '9' || f.part == afterValue:
		return f.refuse(0, why)
	case !addDigit(&f.length, 10, int64(c-'0'), maxLength):
		return f.refuse(0, "a Content-Length that is too large")
	default:
		f.part = withinValue
	}
	return 1
}

// codingValue looks at one byte of a Transfer-Encoding: the only one that is
// taken is "chunked", with blanks around.
func (f *framing) codingValue(c byte) int {
	const only = "chunked"
	switch {
	case c == '\r' && f.count == len(only):
		f.state = atFieldLF
	case isBlank(c):
		f.blank()
	case f.part == afterValue || f.count == len(only) || c|0x20 != only[f.count]:
		return f.refuse(0, "a Transfer-Encoding other than chunked")
	default:
		f.part = withinValue
		f.count++
	}
	return 1
}

func (f *framing) blank() {
	if f.part == withinValue {
		f.part = afterValue
	}
}
