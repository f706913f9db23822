package front

// maxChunk is the largest size of a chunk. net/http refuses larger ones, because
// it counts twice of it in an int64.
const maxChunk = 1<<62 - 1

// maxChunkDigits may the size have, zeros included.
const maxChunkDigits = 16

// maxChunkLine bounds the line with a chunk's size and its extensions, which
// nobody uses. It is below the 4096 of net/http.
const maxChunkLine = 1024

// maxExcess is how much more than data a chunked body may hold, beyond 16 bytes
// a chunk and twice the data. The numbers are net/http's; it must not refuse a
// body that was accepted here, since a handler that has already answered could
// not say so.
const maxExcess = 16 << 10

// body looks at a part of one, up to a trailer.
func (f *framing) body(p []byte) int {
	switch f.state {
	case inBody, inChunk:
		return f.data(p)
	case atChunk, inChunkSize:
		return f.chunkSize(p[0])
	case inExtension:
		return f.extension(p)
	case atChunkLF:
		return f.chunkStart(p)
	case afterChunk:
		return f.want(p, '\r', afterChunkLF, "a chunk that is not followed by CR LF")
	default:
		return f.want(p, '\n', atChunk, "CR without LF after a chunk")
	}
}

func (f *framing) data(p []byte) int {
	n := int(min(int64(len(p)), f.rest))
	if f.rest -= int64(n); f.rest > 0 {
		return n
	}
	if f.state == inChunk {
		f.state = afterChunk
	} else {
		f.messageEnd()
	}
	return n
}

// chunkSize looks at one byte of it: hexadecimal digits and nothing else.
func (f *framing) chunkSize(c byte) int {
	if f.state == atChunk {
		f.state, f.count, f.rest, f.lineLen = inChunkSize, 0, 0, 0
	}
	digit := hexDigit(c)
	switch {
	case digit >= 0:
		if f.count++; f.count > maxChunkDigits || !addDigit(&f.rest, 16, digit, maxChunk) {
			return f.refuse(0, "a chunk that is too large")
		}
		f.lineLen++
	case f.count == 0:
		return f.refuse(0, "a chunk without a size")
	case c == ';':
		f.lineLen++
		f.state = inExtension
	case c == '\r':
		f.state = atChunkLF
	default:
		return f.refuse(0, "a chunk's size that is not a number")
	}
	return 1
}

func hexDigit(c byte) int64 {
	switch {
	case '0' <= c && c <= '9':
		return int64(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int64(c|0x20-'a') + 10
	}
	return -1
}

func (f *framing) extension(p []byte) int {
	n := textLen(p[:min(len(p), maxChunkLine-f.lineLen)])
	f.lineLen += n
	switch {
	case n == len(p):
	case isText(p[n]):
		return f.refuse(n, "an extension of a chunk that is too long")
	default:
		n += f.want(p[n:], '\r', atChunkLF, "LF without CR, or a control character, in the extension of a chunk")
	}
	return n
}

// chunkStart looks at the LF before a chunk's data, or before the trailer where
// the size was 0.
func (f *framing) chunkStart(p []byte) int {
	f.excess = max(0, f.excess+int64(f.lineLen)+2-16-2*f.rest)
	if f.excess > maxExcess {
		return f.refuse(0, "a chunked body with little data in it")
	}
	next := inChunk
	if f.rest == 0 {
		next, f.trailer, f.trailing = atField, true, 0
	}
	return f.want(p, '\n', next, "CR without LF after the size of a chunk")
}
