package front

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// message is a request as somebody understood it.
type message struct {
	method, target string
	length         int64 // -1 for chunked
	body           string
	whole          bool
}

// understood is how framing reads data, by its states: the bytes that it counts
// as body are the body. The rest is read again from the lines, which is easy in
// what it has accepted.
func understood(data []byte) (all []message, accepted bool) {
	f := newFraming()
	begin := 0
	var m *message
	var body []byte
	for i := range data {
		before := f.state
		if _, err := f.check(data[i : i+1]); err != nil {
			return all, false
		}
		if f.off {
			return all, true
		}
		if m == nil && f.state == atRequestLF {
			line := strings.TrimLeft(string(data[begin:i]), "\r\n")
			parts := strings.Split(line, " ")
			all = append(all, message{method: parts[0], target: parts[1]})
			m = &all[len(all)-1]
		}
		if before == inBody || before == inChunk {
			body = append(body, data[i])
		}
		if before == atHeaderLF && m.length == 0 {
			if m.length = f.length; f.chunked {
				m.length = -1
			} else if !f.hasLength {
				m.length = 0
			}
		}
		if f.state == atRequest && before != atEmptyLF && before != atStart && m != nil {
			m.body, m.whole = string(body), true
			m, body, begin = nil, nil, i+1
		}
	}
	if m != nil {
		m.body = string(body)
	}
	return all, true
}

// byNetHTTP is how net/http's server reads data: until it refuses, in which
// case the last message is not whole.
func byNetHTTP(data []byte) (all []message, headerRefused, bodyRefused error) {
	r := bufio.NewReader(bytes.NewReader(data))
	for method := ""; ; {
		if method == "POST" {
			skipEmptyLines(r)
		}
		if _, err := r.Peek(1); err != nil {
			return all, nil, nil
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			return all, err, nil
		}
		method = req.Method
		body, err := io.ReadAll(req.Body)
		all = append(all, message{req.Method, req.RequestURI, req.ContentLength, string(body), err == nil})
		if err != nil {
			return all, nil, err
		}
	}
}

// skipEmptyLines does what conn.readRequest does after a POST.
func skipEmptyLines(r *bufio.Reader) {
	peek, _ := r.Peek(4)
	for _, c := range peek {
		if c != '\r' && c != '\n' {
			return
		}
		r.ReadByte()
	}
}

// mixtures are all requests of the tests, alone and beside others.
func mixtures() (all []string) {
	for _, data := range goodRequests {
		all = append(all, data, chunks("1;a\r\nx\r\n0\r\nX: y\r\n\r\n")+data)
	}
	for _, bads := range []map[string]badRequest{badHeaders, badBodies} {
		for _, bad := range bads {
			all = append(all, bad.data, get("")+bad.data, bad.data+get(""))
		}
	}
	return all
}

func TestFramingAgreesWithNetHTTP(t *testing.T) {
	for _, data := range mixtures() {
		piecewise(t, []byte(data), 200)
		compare(t, []byte(data))
	}
}

// FuzzFraming compares how net/http understands what framing accepts.
func FuzzFraming(f *testing.F) {
	for i, data := range mixtures() {
		if len(data) < 2000 { // larger ones only make it slow
			f.Add([]byte(data), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		piecewise(t, data, int(size)+1)
		compare(t, data)
	})
}

// piecewise checks that it does not matter in which pieces bytes come.
func piecewise(t *testing.T, data []byte, size int) {
	one, n1, err1 := feed(string(data), 1)
	some, n2, err2 := feed(string(data), size)
	if err1 == err2 && !one.off && strings.HasPrefix(string(data), "PRI * HTTP/2") {
		return // how much of a half preface is accepted depends on it
	}
	if n1 != n2 || err1 != err2 || one.state != some.state {
		t.Fatalf("%q: byte by byte %d accepted, %v, state %d; by %d: %d, %v, state %d",
			data, n1, err1, one.state, size, n2, err2, some.state)
	}
}

// compare holds what framing accepted against net/http. Where net/http refuses
// a header, that ends the connection; in a body it must not find anything wrong.
func compare(t *testing.T, data []byte) {
	_, n, err := feed(string(data), 4096)
	if bytes.HasPrefix(data, []byte(preface[:prefaceLine])) {
		return
	}
	data = data[:n]
	ours, accepted := understood(data)
	if !accepted {
		t.Fatalf("%q was accepted, and then not", data)
	}
	theirs, headerRefused, bodyRefused := byNetHTTP(data)
	if len(theirs) > len(ours) {
		t.Fatalf("%q: net/http has %d requests, %+v, framing %d", data, len(theirs), theirs, len(ours))
	}
	for i, their := range theirs {
		our := ours[i]
		if their != our && !(!their.whole && !our.whole && their.method == our.method && their.target == our.target &&
			their.length == our.length && strings.HasPrefix(our.body, their.body)) {
			t.Fatalf("%q: request %d is %+v to net/http, %+v to framing", data, i, their, our)
		}
	}
	if bodyRefused != nil && ours[len(theirs)-1].whole {
		t.Fatalf("%q: %v", data, bodyRefused)
	}
	if headerRefused == nil && len(theirs) < len(ours) && ours[len(theirs)].whole {
		t.Fatalf("%q: net/http has %d requests, framing %d (%v)", data, len(theirs), len(ours), err)
	}
}
