package front_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// ambiguous are requests that two servers may understand differently. What may
// follow each in one write is a second one, that must not be taken for a request
// of its own by anybody.
var ambiguous = map[string]string{
	"length and chunks":          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"chunks and length":          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"two lengths":                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
	"one length twice":           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
	"list of lengths":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
	"length with a sign":         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
	"negative length":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello",
	"length in hex":              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
	"length of words":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: five\r\n\r\nhello",
	"empty length":               "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhello",
	"length beyond 64 bits":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
	"length with a blank inside": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 0\r\n\r\nhello",
	"chunked twice":              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"chunked in two fields":      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"chunked and identity":       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	"chunked not last":           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
	"unknown coding":             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"identity":                   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	"coding with a tab":          "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
	"empty coding":               "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
	"quoted coding":              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
	"chunks in 1.0":              "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"blank before the colon":     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"blank before that length":   "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
	"blank before the name":      "POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n Content-Length: 5\r\n\r\nhello",
	"blank before the first":     "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
	"folded field":               "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
	"field folded by a tab":      "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n",
	"folded coding":              "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
	"bare LF behind a field":     "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
	"bare LF behind the line":    "GET / HTTP/1.1\nHost: a\r\n\r\n",
	"bare LF as the end":         "GET / HTTP/1.1\r\nHost: a\r\n\n",
	"LF alone":                   "GET / HTTP/1.1\nHost: a\n\n",
	"bare CR in a value":         "GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
	"bare CR hides a field":      "POST / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 5\r\n\r\n",
	"zero in a value":            "GET / HTTP/1.1\r\nHost: a\r\nX: y\x00z\r\n\r\n",
	"zero in a name":             "GET / HTTP/1.1\r\nHost: a\r\nX\x00: y\r\n\r\n",
	"blank in a name":            "GET / HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n",
	"empty name":                 "GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n",
	"field without a colon":      "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
	"control in a value":         "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
	"no Host":                    "GET / HTTP/1.1\r\n\r\n",
	"two Hosts":                  "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"Host with a path":           "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
	"Host with a blank":          "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	"two blanks":                 "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
	"blank at the end":           "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
	"tab as a blank":             "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
	"blank in the target":        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
	"control in the target":      "GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n",
	"no version":                 "GET /\r\nHost: a\r\n\r\n",
	"version in small letters":   "GET / http/1.1\r\nHost: a\r\n\r\n",
	"version 2":                  "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
	"version of two digits":      "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
	"version without a minor":    "GET / HTTP/1\r\nHost: a\r\n\r\n",
	"method of two words":        "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n",
	"no method":                  " / HTTP/1.1\r\nHost: a\r\n\r\n",
}

func TestAmbiguousFraming(t *testing.T) {
	for name, req := range ambiguous {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			w := named(t, "hello")
			r.add(1, 0, w.addr)
			for _, first := range []bool{true, false} { // on its connection
				before := w.saw("")
				c := r.dial()
				if !first {
					expect(t, "body", c.get("/before").body, "hello")
					before++
				}
				c.send(req + request("GET", "/smuggled", ""))
				a, err := c.tryAnswer("POST")
				switch code := a.code(); {
				case code == 400:
				case code == 501 && strings.Contains(req, "Transfer-Encoding"):
				case code == 505 && strings.Contains(name, "version"):
				case !first && a.start == "" && !errors.Is(err, os.ErrDeadlineExceeded): // that it is no request at all may be told so
				default:
					t.Errorf("answered with %q, %v", a.start, err)
				}
				c.expectEnd()
				expect(t, "requests at the worker", w.saw(""), before)
			}
		})
	}
}

// badChunks are bodies whose header was fine. The worker may have got the
// beginning, but never a whole request.
var badChunks = map[string]string{
	"letters":              "zz\r\nhello\r\n0\r\n\r\n",
	"no size":              "\r\nhello\r\n0\r\n\r\n",
	"negative":             "-5\r\nhello\r\n0\r\n\r\n",
	"with a sign":          "+5\r\nhello\r\n0\r\n\r\n",
	"with 0x":              "0x5\r\nhello\r\n0\r\n\r\n",
	"blank before":         " 5\r\nhello\r\n0\r\n\r\n",
	"underscore":           "0_5\r\nhello\r\n0\r\n\r\n",
	"bare LF":              "5\nhello\r\n0\r\n\r\n",
	"bare LF in extension": "5;a\nb\r\nhello\r\n0\r\n\r\n",
	"bare CR in extension": "5;a\rb\r\nhello\r\n0\r\n\r\n",
	"beyond 64 bits":       "10000000000000005\r\nhello\r\n0\r\n\r\n",
	"data too long":        "5\r\nhello!\r\n0\r\n\r\n",
	"data too short":       "6\r\nhello\r\n0\r\n\r\n",
	"LF behind the data":   "5\r\nhello\n0\r\n\r\n",
	"bare LF at the end":   "5\r\nhello\r\n0\n\n",
	"bare LF as the end":   "5\r\nhello\r\n0\r\n\n",
	"folded trailer":       "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
	"trailer without a :":  "5\r\nhello\r\n0\r\nX\r\n\r\n",
	"length in a trailer":  "5\r\nhello\r\n0\r\nContent-Length : 5\r\n\r\n",
}

func TestBadChunks(t *testing.T) {
	for name, body := range badChunks {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			whole := make(chan message, 1)
			w := replying(t, func(m message) string {
				if m.method() == "POST" {
					whole <- m
				}
				return ok("hello")
			})
			r.add(1, 0, w.addr)
			c := r.dial()
			c.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + request("GET", "/smuggled", ""))
			_ = c.SetReadDeadline(time.Now().Add(patience))
			got, _ := io.ReadAll(c.br)
			if len(got) > 0 && !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
				t.Errorf("answered with %.100q", got)
			}
			r.awaitInFlight(1, 0)
			expect(t, "whole requests at the worker", len(whole), 0)
			expect(t, "smuggled requests", w.saw("GET /smuggled"), 0)
			a := r.answer()
			expect(t, "failure", a.Failure, "")
			expect(t, "cut", a.Cut, false)
		})
	}
}
