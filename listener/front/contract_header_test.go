package front_test

import (
	"strings"
	"testing"
)

func TestTargetsUnchanged(t *testing.T) {
	r := start(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	for _, line := range []string{
		"GET /", "GET /?", "GET /a?", "GET /?a=b?c=d&&", "GET //double", "GET //double//x/", "GET /.", "GET /../x/./y//..",
		"GET /a%2Fb//c;d?x=1;y=2&z=%zz", "GET /%41%c3%a9?%41", "GET /a%00b", "GET /%2e%2e/", "GET /a+b?c+d", "GET /a:b@c!$&'()*,=~",
		"GET /[x]{y}|^`\"<>\\", "GET /\xc3\xa9\xff", "OPTIONS *",
		"OPTIONS /", "PROPFIND /dav", "M-SEARCH /", "get /lower", "TRACE /", "PURGE /x", "DELETE /x", "PATCH /x", "PUT /x",
	} {
		method, target, _ := strings.Cut(line, " ")
		c.send(line + " HTTP/1.1\r\nHost: front.test\r\n\r\n")
		if a := c.answer(method); a.code() != 200 {
			t.Errorf("%q was answered %q %q", line, a.start, a.body)
			c = r.dial()
		} else {
			expect(t, "request line", echoed(a).method()+" "+echoed(a).target(), line)
			expect(t, "target told", r.answer().target, target)
		}
	}
}

// A target in absolute form reaches the worker as all others do, and its host is
// the one that was asked for (RFC 9112, 3.2.2).
func TestAbsoluteTargets(t *testing.T) {
	r := start(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	for target, want := range map[string]string{
		"http://front.test/x?y": "front.test /x?y", "http://other.test//x%2F?y=%zz": "other.test //x%2F?y=%zz",
		"http://other.test": "other.test /", "http://other.test?x": "other.test /?x",
	} {
		c.send("GET " + target + " HTTP/1.1\r\nHost: front.test\r\n\r\n")
		got := echoed(c.answer("GET"))
		expect(t, target, got.values("Host")[0]+" "+got.target(), want)
	}
}

func TestHostUnchanged(t *testing.T) {
	r := start(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	for _, host := range []string{"a", "Example.COM:8080", "[::1]:80", "127.0.0.1", "xn--bcher-kva.example.", "a_b.test", ""} {
		c.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		expect(t, "Host", strings.Join(echoed(c.answer("GET")).values("Host"), "|"), host)
	}
}

func TestRequestFieldsUnchanged(t *testing.T) {
	r := start(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	c.send("POST / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-B:  spaced  \t inside\t \r\nX-A: 2\r\nX-Empty:\r\nX-A:\r\nX-A: 3, 4\r\n" +
		"X-Obs: caf\xe9 \xff\x80\r\nCookie: a=b; c=d\r\nCookie: e=f\r\nX-Long: " + strings.Repeat("x", 20000) + "\r\n" +
		"Accept-Encoding: br;q=1.0, gzip\r\nRange: bytes=0-1\r\nIf-None-Match: W/\"x\"\r\nAuthorization: Basic eDp5\r\n" +
		"Content-Type: a/b\r\nX-Quote: \"a,b\\\"\"\r\nContent-Length: 2\r\n\r\nhi")
	got := echoed(c.answer("POST"))
	for name, want := range map[string]string{
		"X-A": "1||2||||3, 4", "X-B": "spaced  \t inside", "X-Empty": "", "X-Obs": "caf\xe9 \xff\x80",
		"Cookie": "a=b; c=d||e=f", "X-Long": strings.Repeat("x", 20000), "Accept-Encoding": "br;q=1.0, gzip", "Range": "bytes=0-1",
		"If-None-Match": `W/"x"`, "Authorization": "Basic eDp5", "Content-Type": "a/b", "X-Quote": `"a,b\""`, "Content-Length": "2",
	} {
		expect(t, name, strings.Join(got.values(name), "||"), want)
	}
	expect(t, "values of X-Empty", len(got.values("X-Empty")), 1)
	expect(t, "body", got.body, "hi")
}

// A worker sees no field that nobody sent, but the forwarded ones.
func TestRequestFieldsNotInvented(t *testing.T) {
	r := start(t)
	r.add(1, 0, echoing(t).addr)
	c := r.dial()
	for _, req := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"} {
		c.send(req)
		got := echoed(c.answer("GET"))
		for _, f := range got.fields {
			name, _, _ := strings.Cut(strings.ToLower(f), ":")
			switch {
			case name == "host", strings.HasPrefix(name, "x-forwarded-"), name == "forwarded", name == "connection":
			case name == "content-length" && strings.HasPrefix(req, "POST"):
				expect(t, "Content-Length", got.value("Content-Length"), "0")
			default:
				t.Errorf("%q was invented for %.6q", f, req)
			}
		}
	}
}

func TestAnswerFieldsUnchanged(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(message) string {
		return "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-A: 1\r\nSet-Cookie: b=2; Path=/\r\nX-A: 2\r\nX-Empty:\r\nX-Obs: \xe9\xff\r\nset-cookie: c=3\r\n" +
			"Content-Encoding: gzip\r\nDate: yesterday\r\nServer: mine\r\nVia: 1.0 x\r\nContent-Length: 2\r\n\r\nhi"
	}).addr)
	a := r.get("/")
	for name, want := range map[string]string{
		"Set-Cookie": "a=1||b=2; Path=/||c=3", "X-A": "1||2", "X-Obs": "\xe9\xff", "Content-Encoding": "gzip",
		"Date": "yesterday", "Server": "mine", "Via": "1.0 x", "Content-Length": "2",
	} {
		expect(t, name, strings.Join(a.values(name), "||"), want)
	}
	expect(t, "values of X-Empty", len(a.values("X-Empty")), 1)
	expect(t, "body", a.body, "hi")
}

// The client sees what the worker sent, and no more but the date, which who
// forwards must add (RFC 9110, 6.6.1).
func TestAnswerFieldsNotInvented(t *testing.T) {
	for name, body := range map[string]string{
		"with a length": "200 OK\r\nContent-Length: 6\r\n\r\n<html>",
		"in chunks":     "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked("<html>") + "0\r\n\r\n",
		"empty":         "200 OK\r\nContent-Length: 0\r\n\r\n",
		"not modified":  "304 Not Modified\r\n\r\n",
		"no content":    "204 No Content\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.add(1, 0, replying(t, func(message) string { return "HTTP/1.1 " + body }).addr)
			c := r.dial()
			for range 2 {
				a := c.get("/")
				for _, f := range a.fields {
					switch n, _, _ := strings.Cut(f, ":"); strings.ToLower(n) {
					case "content-length", "transfer-encoding", "date":
					default:
						t.Errorf("%q was invented", f)
					}
				}
			}
		})
	}
}

func TestStatusUnchanged(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(m message) string { return reply(m.target()[1:]+" Why", "b") }).addr)
	c := r.dial()
	for _, code := range []string{"200", "201", "206", "226", "299", "301", "308", "404", "418", "429", "451", "500", "502", "503", "599"} {
		a := c.get("/" + code)
		expect(t, "status", a.start[:min(12, len(a.start))], "HTTP/1.1 "+code)
		expect(t, "body", a.body, "b")
	}
}

// Fields of one connection are not another's (RFC 9110, 7.6.1).
func TestHopByHop(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(m message) string {
		return "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Back\r\nKeep-Alive: timeout=5\r\nX-Back: 1\r\nX-Stays: 1\r\n" +
			ok(strings.Join(m.fields, "\n"))[len("HTTP/1.1 200 OK\r\n"):]
	}).addr)
	c := r.dial()
	c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop , x-other\r\nConnection: X-Third\r\nX-Hop: 1\r\nX-OTHER: 1\r\nX-Third: 1\r\n" +
		"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: h2c\r\nX-Stays: 1\r\n\r\n")
	a := c.answer("GET")
	worker := message{fields: strings.Split(a.body, "\n")}
	for _, name := range []string{"X-Hop", "X-Other", "X-Third", "Keep-Alive", "Proxy-Connection", "Upgrade"} {
		expect(t, name+" at the worker", worker.value(name), "")
	}
	if te := worker.value("TE"); te != "" && te != "trailers" {
		t.Errorf("TE at the worker: %q", te)
	}
	expect(t, "X-Stays at the worker", worker.value("X-Stays"), "1")
	for _, name := range []string{"X-Back", "Keep-Alive"} {
		expect(t, name+" at the client", a.value(name), "")
	}
	expect(t, "X-Stays at the client", a.value("X-Stays"), "1")
	expect(t, "next", c.get("/").code(), 200)
}
