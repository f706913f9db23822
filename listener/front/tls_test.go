package front

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSpeaksTLS(t *testing.T) {
	plain, secure := httptest.NewServer(http.NotFoundHandler()), httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.StartTLS()
	defer plain.Close()
	defer secure.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel alone
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, c := range map[string]struct {
		addr string
		want bool
	}{"plain": {plain.Listener.Addr().String(), false}, "secure": {secure.Listener.Addr().String(), true}, "silent": {silent.Addr().String(), false}} {
		if got := SpeaksTLS(func() (net.Conn, error) { return net.Dial("tcp", c.addr) }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if SpeaksTLS(func() (net.Conn, error) { return nil, io.EOF }) {
		t.Error("nobody speaks TLS")
	}
	response, err := http.Get("http://" + secure.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !MentionsTLS(body) {
		t.Errorf("%q does not count as a complaint", body)
	}
}

func TestLooksLikeTLS(t *testing.T) {
	for answer, want := range map[string]bool{
		"\x15\x03\x01\x00\x02": true, "\x16\x03": true, "\x15": false, "": false, "HTTP/1.1 200 OK": false, "\x15\x02\x01": false,
	} {
		if got := LooksLikeTLS([]byte(answer)); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}
