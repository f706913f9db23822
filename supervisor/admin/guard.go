package admin

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"rota/supervisor/admin/control"
)

const (
	mostHeader = 16 << 10
	mostBody   = 4 << 10
	// bodyTime is how long a body of that size may take, in which any link carries it.
	bodyTime = 5 * time.Second
)

// door is a way into a Server, and what holds on it.
type door struct {
	control  bool // the control socket: whoever is in may change the pool
	loopback bool // its clients are on this machine, browsers among them
}

// guard lets through what may be asked of a pool.
type guard struct {
	*Server
	door door
	mux  *http.ServeMux
}

// ServeHTTP sends the headers that every answer has, refuses what nobody asks for
// who means well, and passes the rest on.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if conn, ok := r.Context().Value(guestKey{}).(*guest); ok {
		conn.work(true)
		defer conn.work(false)
	}
	defer g.recover(w, r)
	protect(w.Header())
	if g.door.loopback && !namesLoopback(r.Host) {
		refuse(w, http.StatusForbidden, fmt.Sprintf("rota listens on this machine alone, and is not called %.100q", r.Host))
		return
	}
	// The router would redirect to the clean path.
	if path.Clean(r.URL.Path) != r.URL.Path {
		refuse(w, http.StatusNotFound, "no such path: GET /v1/status tells of the pool; the others are listed in rota's supervisor/admin/api")
		return
	}
	if _, pattern := g.mux.Handler(r); pattern == "" {
		g.lost(w, r)
		return
	}
	if !g.takeBody(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		by, ok := g.admit(w, r)
		if !ok {
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), byKey{}, by))
	}
	g.mux.ServeHTTP(w, r)
}

// protect keeps browsers from making use of an answer in any page but rota's own.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// recover answers for a handler that has panicked; net/http would cut the
// connection, and write to where no operator looks.
func (g *guard) recover(w http.ResponseWriter, r *http.Request) {
	failure := recover()
	if failure == nil {
		return
	}
	if failure == http.ErrAbortHandler {
		panic(failure)
	}
	g.warn(fmt.Sprintf("internal error: %s %s: %v %s", r.Method, r.URL.Path, failure, bytes.ReplaceAll(debug.Stack(), []byte("\n"), []byte(" | "))))
	refuse(w, http.StatusInternalServerError, "internal error: see rota's log")
}

// namesLoopback tells whether a Host header is one of this machine's own names. A
// page of another site whose name was made to mean 127.0.0.1 sends its own. The
// port says nothing, and is another one behind ssh -L and kubectl port-forward;
// without any header it is no browser.
func namesLoopback(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	ip, err := netip.ParseAddr(name)
	return host == "" || strings.EqualFold(name, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// lost answers for paths that there are not, and for methods that a path has not.
func (g *guard) lost(w http.ResponseWriter, r *http.Request) {
	// The router alone knows the methods of a path.
	var said verdictOf
	g.mux.ServeHTTP(&said, r)
	if said.code == http.StatusMethodNotAllowed {
		allowed := said.Header().Get("Allow")
		w.Header().Set("Allow", allowed)
		refuse(w, said.code, fmt.Sprintf("%.20q is no method of this path: it has %s", r.Method, allowed))
		return
	}
	refuse(w, http.StatusNotFound, "no such path: GET /v1/status tells of the pool; the others are listed in rota's supervisor/admin/api")
}

// verdictOf is an answer of which only the status and the header matter.
type verdictOf struct {
	header http.Header
	code   int
}

func (v *verdictOf) Header() http.Header {
	if v.header == nil {
		v.header = http.Header{}
	}
	return v.header
}
func (v *verdictOf) WriteHeader(code int)        { v.code = code }
func (v *verdictOf) Write(p []byte) (int, error) { return len(p), nil }

// takeBody limits the size of a body and the time that it takes.
func (g *guard) takeBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	// Whatever is refused below must not be waited for.
	limit := http.NewResponseController(w)
	refused := func(code int, message string) bool {
		_ = limit.SetReadDeadline(time.Now())
		w.Header().Set("Connection", "close")
		refuse(w, code, message)
		return false
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		return refused(http.StatusBadRequest, "what is asked with GET has no body")
	case r.ContentLength < 0:
		// Where a length is given as well, net/http forgets it, and a proxy before
		// rota may have gone by that: it would pass on what follows as a request of
		// its own (RFC 9112, 6.3).
		return refused(http.StatusLengthRequired, "say how long the body is, with Content-Length")
	case r.ContentLength > mostBody:
		return refused(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has %d bytes: %d are allowed", r.ContentLength, mostBody))
	}
	_ = limit.SetReadDeadline(time.Now().Add(bodyTime))
	return true
}

type byKey struct{}

// byWhom is who asks for a change, for people; empty if nobody may have admitted it.
func byWhom(r *http.Request) string {
	by, _ := r.Context().Value(byKey{}).(string)
	return by
}

var origins = http.NewCrossOriginProtection()

// admit tells who asks for a change, if that may be.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) (by string, ok bool) {
	refused := func(code int, message string) (string, bool) {
		if r.ContentLength != 0 { // nor is its body waited for
			_ = http.NewResponseController(w).SetReadDeadline(time.Now())
			w.Header().Set("Connection", "close")
		}
		g.refusals.note(g.warn, fmt.Sprintf("refused %.20s %.100q to %s: %s", r.Method, r.URL.Path, g.whence(r), message))
		refuse(w, code, message)
		return "", false
	}
	if err := origins.Check(r); err != nil {
		return refused(http.StatusForbidden, "a page of another site may not change anything here")
	}
	if g.door.control {
		return g.whence(r), true
	}
	token := g.options.Token
	if token == nil {
		return refused(http.StatusForbidden, "over this address rota only tells: ask over the control socket, as rota roll does, or start rota with --admin-token-file")
	}
	if err := token.Read(); err != nil {
		return refused(http.StatusForbidden, err.Error())
	}
	kind, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || !token.Matches(strings.TrimSpace(text)) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rota"`)
		return refused(http.StatusUnauthorized, "this takes the token of --admin-token-file: Authorization: Bearer TOKEN")
	}
	return "the bearer of the token, from " + r.RemoteAddr, true
}

// whence is who has connected, for people.
func (g *guard) whence(r *http.Request) string {
	if conn, ok := r.Context().Value(guestKey{}).(*guest); ok {
		if c, ok := conn.Conn.(*control.Conn); ok {
			return c.Peer.String()
		}
	}
	return r.RemoteAddr
}
