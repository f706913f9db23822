package api

import (
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A rota that was stopped still has a socket that takes connections.
func TestNoAnswer(t *testing.T) {
	dir, err := os.MkdirTemp("", "rota") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := NewClient(l.Addr().String())
	transport := c.http.Transport.(*http.Transport)
	if transport.ResponseHeaderTimeout != answerTime {
		t.Errorf("waits for %s", transport.ResponseHeaderTimeout)
	}
	transport.ResponseHeaderTimeout = 10 * time.Millisecond
	_, err = c.Status(t.Context())
	if _, ok := err.(*Unreachable); !ok || !strings.HasSuffix(err.Error(), "/s: it does not answer (was it stopped, or is its machine too busy?)") {
		t.Errorf("%v", err)
	}
}

func TestUnreachable(t *testing.T) {
	dialled := func(err error) error {
		return &url.Error{Op: "Get", URL: "http://rota/", Err: &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", err)}}
	}
	for want, err := range map[string]error{
		"cannot reach rota at /s: connect: file does not exist (is it running?)":                            dialled(fs.ErrNotExist),
		"cannot reach rota at /s: connect: permission denied (ask as the user that it runs as, or as root)": dialled(fs.ErrPermission),
		"cannot reach rota at /s: unexpected EOF (is it running?)":                                          &url.Error{Err: io.ErrUnexpectedEOF},
	} {
		if got := (&Unreachable{"/s", err}).Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
