package front_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// message is a request or an answer, byte for byte.
type message struct {
	start    string   // the first line
	fields   []string // as they came
	body     string
	trailers []string
}

// values are those of one field, in their order.
func (m message) values(name string) []string { return values(m.fields, name) }

func values(fields []string, name string) []string {
	var all []string
	for _, f := range fields {
		if n, v, _ := strings.Cut(f, ":"); strings.EqualFold(n, name) {
			all = append(all, strings.Trim(v, " \t"))
		}
	}
	return all
}

// value is all of a field in one line.
func (m message) value(name string) string { return strings.Join(m.values(name), ", ") }

func (m message) code() int {
	_, rest, _ := strings.Cut(m.start, " ")
	digits, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(digits)
	return n
}

func (m message) method() string { return strings.Split(m.start, " ")[0] }

func (m message) target() string {
	_, rest, _ := strings.Cut(m.start, " ")
	return rest[:max(0, strings.LastIndex(rest, " "))]
}

// wire is one end of a raw connection, a client's or a scripted worker's. It
// sends nothing by itself and hides nothing.
type wire struct {
	net.Conn
	br   *bufio.Reader
	fail func(format string, args ...any) // does not return
}

func newWire(c net.Conn, fail func(string, ...any)) *wire {
	return &wire{Conn: c, br: bufio.NewReaderSize(c, 64<<10), fail: fail}
}

// trySend writes all of it.
func (w *wire) trySend(s string) error {
	_ = w.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(w.Conn, s)
	return err
}

func (w *wire) send(s string) {
	if err := w.trySend(s); err != nil {
		w.fail("cannot send %.60q: %s", s, err)
	}
}

// expectText reads exactly that.
func (w *wire) expectText(want string) {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	n, err := io.ReadFull(w.br, got)
	if string(got[:n]) != want {
		w.fail("read %q (%v), want %q", got[:n], err, want)
	}
}

// expectEnd reads that the other side closed, having sent nothing more.
func (w *wire) expectEnd() {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(w.br)
	if len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		w.fail("read %.100q (%v), want the end of the connection", rest, err)
	}
}

// ended waits until the other side has closed, whatever it sent before.
func (w *wire) ended() bool {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, w.br)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// expectSilence reads that for a while nothing comes.
func (w *wire) expectSilence(d time.Duration) {
	_ = w.SetReadDeadline(time.Now().Add(d))
	if _, err := w.br.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
		b, _ := w.br.Peek(w.br.Buffered())
		w.fail("read %.100q (%v), want nothing yet", b, err)
	}
}

// closeWrite ends one direction.
func (w *wire) closeWrite() { _ = w.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// reset ends the connection as a crash does.
func (w *wire) reset() {
	_ = w.Conn.(*net.TCPConn).SetLinger(0)
	w.Close()
}

// tryHead reads up to the empty line.
func (w *wire) tryHead() (message, error) {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	lines, err := w.lines()
	if err != nil {
		return message{}, err
	}
	if len(lines) == 0 {
		return message{}, errors.New("an empty line in place of a message")
	}
	return message{start: lines[0], fields: lines[1:]}, nil
}

func (w *wire) lines() ([]string, error) {
	var lines []string
	for {
		line, err := w.br.ReadString('\n')
		switch {
		case err == io.EOF && (line != "" || lines != nil):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		case !strings.HasSuffix(line, "\r\n"):
			return nil, fmt.Errorf("line %q does not end with CRLF", line)
		case line == "\r\n":
			return lines, nil
		}
		lines = append(lines, line[:len(line)-2])
	}
}

func (w *wire) head() message {
	m, err := w.tryHead()
	if err != nil {
		w.fail("cannot read a header: %s", err)
	}
	return m
}

// tryBody reads the body of m, to its announced end; without one it has none,
// or, if toEnd, ends with the connection.
func (w *wire) tryBody(m *message, toEnd bool) error {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	var b strings.Builder
	defer func() { m.body = b.String() }()
	if strings.EqualFold(m.value("Transfer-Encoding"), "chunked") {
		for {
			data, err := w.tryChunk()
			b.WriteString(data)
			if err != nil {
				return err
			}
			if data == "" {
				m.trailers, err = w.lines()
				return err
			}
		}
	}
	if length := m.value("Content-Length"); length != "" {
		n, err := strconv.ParseInt(length, 10, 64)
		if err != nil {
			return err
		}
		if got, err := io.CopyN(&b, w.br, n); err != nil {
			return fmt.Errorf("%d of %d bytes of the body: %w", got, n, io.ErrUnexpectedEOF)
		}
		return nil
	}
	if !toEnd {
		return nil
	}
	_, err := io.Copy(&b, w.br)
	return err
}

// tryChunk reads one chunk; the last one is empty.
func (w *wire) tryChunk() (string, error) {
	line, err := w.br.ReadString('\n')
	if err != nil {
		return "", io.ErrUnexpectedEOF
	}
	size, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ";")
	n, err := strconv.ParseUint(size, 16, 31)
	if err != nil || n == 0 {
		return "", err
	}
	data := make([]byte, n+2)
	if got, err := io.ReadFull(w.br, data); err != nil || string(data[n:]) != "\r\n" {
		return string(data[:min(got, int(n))]), io.ErrUnexpectedEOF
	}
	return string(data[:n]), nil
}

// chunk reads one, that must be there.
func (w *wire) chunk() string {
	_ = w.SetReadDeadline(time.Now().Add(patience))
	data, err := w.tryChunk()
	if err != nil {
		w.fail("cannot read a chunk: %s", err)
	}
	return data
}

// tryAnswer reads one answer to a request of that method, be it a 1xx.
func (w *wire) tryAnswer(method string) (message, error) {
	m, err := w.tryHead()
	if err != nil {
		return m, err
	}
	if !strings.HasPrefix(m.start, "HTTP/1.") {
		return m, fmt.Errorf("%q is no status line", m.start)
	}
	if code := m.code(); method == "HEAD" || code < 200 || code == 204 || code == 304 {
		return m, nil
	}
	return m, w.tryBody(&m, true)
}

func (w *wire) answer(method string) message {
	m, err := w.tryAnswer(method)
	if err != nil {
		w.fail("cannot read the answer to a %s (%s): %s", method, m.start, err)
	}
	return m
}

// get asks for target, on a connection that is kept.
func (w *wire) get(target string) message {
	w.send(request("GET", target, ""))
	return w.answer("GET")
}

func (w *wire) post(target, body string) message {
	w.send(request("POST", target, body))
	return w.answer("POST")
}

// request is a plain one. One that has no body says nothing of its length.
func request(method, target, body string) string {
	length := ""
	if body != "" {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: front.test\r\n%s\r\n%s", method, target, length, body)
}

// ok is a plain answer.
func ok(body string) string { return reply("200 OK", body) }

func reply(status, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// chunked is one chunk.
func chunked(data string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(data), data) }
