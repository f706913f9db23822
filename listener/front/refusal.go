package front

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"time"
)

// What net/http says to a client whose request it cannot read, right behind the
// status. It says so to the connection itself, so that no handler knows. An answer
// of a handler has a Date there.
const (
	refusalBegin = "HTTP/1.1 "
	refusalRest  = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	longRefusal  = 512 // none is as long
)

var errRefused = errors.New("the request cannot be read")

// refusal is the status of an answer by net/http itself; 0 if p is none.
func refusal(p []byte) (code int) {
	if len(p) >= longRefusal || !bytes.HasPrefix(p, []byte(refusalBegin)) || bytes.HasPrefix(p[len(refusalBegin):], []byte("2")) {
		return 0 // the usual answer needs no closer look
	}
	status, rest, _ := bytes.Cut(p[len(refusalBegin):], []byte("\r\n"))
	if len(status) < 3 || !bytes.HasPrefix(rest, []byte(refusalRest[2:])) {
		return 0
	}
	code, err := strconv.Atoi(string(status[:3]))
	if err != nil {
		return 0
	}
	return code
}

// refused tells of a client's connection that it was answered so. It happens once,
// since the connection is closed then.
func (f *Front) refused(c net.Conn, code int) {
	a := Answer{Slot: NoSlot, Code: code, Began: time.Now(), Kind: KindRequest, Error: errRefused}
	if c.RemoteAddr().Network() != "unix" {
		a.Client = hostOf(c.RemoteAddr().String())
	}
	f.hooks.Refused(a)
}
