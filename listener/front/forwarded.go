package front

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"slices"
	"strings"
)

// rewrite says who the client is. What the client itself says of that counts
// only if it is a trusted proxy; the reverse proxy has removed it otherwise.
func (x *exchange) rewrite(p *httputil.ProxyRequest) {
	in, out := p.In, p.Out
	out.URL.Scheme, out.URL.Host = "http", in.Host
	out.Trailer = in.Trailer       // filled as the body is read
	for name := range in.Trailer { // of HTTP/2: of HTTP/1 they are refused
		if headerOnly(strings.ToLower(strings.ReplaceAll(name, "_", "-"))) {
			delete(in.Trailer, name)
		}
	}
	dropLookalikes(out.Header)
	if x.front.trusts(in) {
		for _, name := range forwardedFields {
			if v, ok := in.Header[name]; ok {
				out.Header[name] = v
			}
		}
	}
	if client := x.answer.Client; client != "" {
		prior := out.Header["X-Forwarded-For"]
		out.Header["X-Forwarded-For"] = []string{strings.Join(append(prior[:len(prior):len(prior)], client), ", ")}
	}
	if out.Header["X-Forwarded-Host"] == nil {
		out.Header["X-Forwarded-Host"] = []string{in.Host}
	}
	if out.Header["X-Forwarded-Proto"] == nil {
		out.Header["X-Forwarded-Proto"] = []string{"http"}
	}
	// A worker that took the offer would speak HTTP/2 to a client that the front
	// speaks HTTP/1 to. Clients go on without (RFC 7540, 3.2).
	if strings.EqualFold(out.Header.Get("Upgrade"), "h2c") {
		out.Header.Del("Connection")
		out.Header.Del("Upgrade")
		out.Header.Del("Http2-Settings")
	}
}

var forwardedFields = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// dropLookalikes removes X_Forwarded_For and its like: WSGI and CGI servers take
// an underscore for a dash.
func dropLookalikes(h http.Header) {
	for name := range h {
		if strings.Contains(name, "_") {
			dashed := http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
			if slices.Contains(forwardedFields, dashed) {
				delete(h, name)
			}
		}
	}
}

// clientOf is the IP address that a request came from; empty on a unix socket.
func clientOf(r *http.Request) string {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return "" // whatever it has bound its own end to
	}
	return hostOf(r.RemoteAddr)
}

// hostOf is the address in one with a port; empty if there is none.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if rest, ok := strings.CutPrefix(host, "::ffff:"); ok { // IPv4 on a dual-stack socket
		return rest
	}
	return host
}

// trusts tells whether a request came straight from a proxy that is trusted to
// say where it had it from.
func (f *Front) trusts(r *http.Request) bool {
	c := f.config.Load()
	client := clientOf(r)
	if client == "" {
		return c.TrustUnix
	}
	if len(c.TrustedProxies) == 0 {
		return false
	}
	ip, err := netip.ParseAddr(client)
	if err != nil {
		return false
	}
	for _, p := range c.TrustedProxies {
		if p.Contains(ip.WithZone("")) {
			return true
		}
	}
	return false
}

// target is what the request asks for, byte for byte as the client wrote it,
// but for the scheme and host of a target in absolute form: they are in Host.
func target(r *http.Request) string {
	t := r.RequestURI
	if t == "" || t[0] == '/' || t == "*" {
		return t
	}
	_, rest, ok := strings.Cut(t, "://")
	if !ok {
		return t
	}
	i := strings.IndexAny(rest, "/?")
	switch {
	case i < 0:
		return "/"
	case rest[i] == '?':
		return "/" + rest[i:]
	}
	return rest[i:]
}
