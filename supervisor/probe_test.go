package supervisor

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// saying is a server that answers each connection with a text and closes it.
func saying(t *testing.T, text string) func() (net.Conn, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, text)
			}()
		}
	}()
	return func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
}

func TestAskReady(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.TLS = &tls.Config{}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, c := range map[string]struct {
		dial func() (net.Conn, error)
		want string // of the error; empty if the worker is ready
	}{
		"200":            {saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ""},
		"204 of 1.0":     {saying(t, "HTTP/1.0 204 No Content\r\n\r\n"), ""},
		"302":            {saying(t, "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"), ""},
		"hints, 200":     {saying(t, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), ""},
		"404":            {saying(t, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "/up answered 404"},
		"503":            {saying(t, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "/up answered 503"},
		"400":            {saying(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 12\r\n\r\nwhat is that"), "/up answered 400"},
		"hints for ever": {saying(t, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10000)), "/up was not answered in HTTP"},
		"garbage":        {saying(t, "SSH-2.0-OpenSSH_9.2\r\n"), "/up was not answered in HTTP"},
		"nothing":        {saying(t, ""), "/up was not answered: the connection was closed"},
		"silence":        {func() (net.Conn, error) { return net.Dial("tcp", silent.Addr().String()) }, "/up was not answered within 1s"},
		"nobody":         {func() (net.Conn, error) { return nil, errors.New("refused") }, "cannot ask for /up: refused"},
		"an alert":       {saying(t, "\x15\x03\x03\x00\x02\x02\x0a"), "speaks TLS"},
		"TLS of Go":      {func() (net.Conn, error) { return net.Dial("tcp", secure.Listener.Addr().String()) }, "speaks TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok, err := askReady(c.dial, "/up")
			if ok != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || ok != (err == nil) {
				t.Errorf("%v, %v; want %q", ok, err, c.want)
			}
		})
	}
}
