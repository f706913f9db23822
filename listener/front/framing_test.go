package front

import (
	"fmt"
	"strings"
	"testing"
)

// get and post are good requests; what is wrong is put into them.
func get(fields string) string {
	return "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n" + fields + "\r\n"
}

func chunks(body string) string {
	return "POST / HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n" + body
}

// goodRequests are accepted, each a whole number of requests.
var goodRequests = map[string]string{
	"get":                       get(""),
	"1.0":                       "GET / HTTP/1.0\r\n\r\n",
	"two empty lines":           "\r\n\r\n" + get(""),
	"pipelined":                 get("") + get("") + "\r\n" + get(""),
	"method":                    "M-SEARCH * HTTP/1.1\r\nHost: x\r\n\r\n",
	"method begins as HTTP/2":   "PRI / HTTP/1.1\r\nHost: x\r\n\r\n",
	"method begins as HTTP/2 2": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi",
	"absolute target":           "GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n",
	"bytes above 0x7f":          "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\nX: \xc3\xa4\xff\r\n\r\n",
	"empty value":               get("Empty:\r\nEmpty: \t \r\n"),
	"tab in a value":            get("X: a\tb\t\r\n"),
	"colons in a value":         get("X::a:b\r\n"),
	"no blank":                  get("content-LENGTH:0\r\n"),
	"length":                    get("Content-Length: 5\r\n") + "hello" + get(""),
	"length with blanks":        get("Content-Length: \t 5 \t\r\n") + "hello" + get(""),
	"length with zeros":         get("Content-Length: 0000000000000000000000000005\r\n") + "hello" + get(""),
	"body that looks bad":       get("Content-Length: 4\r\n") + "\n\x00\r\r" + get(""),
	"long field":                get("X-" + strings.Repeat("y", 5000) + ": " + strings.Repeat("z", 100000) + "\r\n"),
	"names of that length":      get("Content-Lengti: a\r\nTransfer-Encodinh: b\r\n"),
	"chunks":                    chunks("5\r\nhello\r\n0A\r\n0123456789\r\n00\r\n\r\n") + get(""),
	"no chunk":                  chunks("0\r\n\r\n") + get(""),
	"coding in capitals":        get("TRANSFER-ENCODING:\tCHUNKED \r\n") + "0\r\n\r\n" + get(""),
	"extension":                 chunks("5;a=b;c=\"d\";\t\x80\r\nhello\r\n0;x\r\n\r\n") + get(""),
	"trailer":                   chunks("5\r\nhello\r\n0\r\nDigest: x\r\nEmpty:\r\n\r\n") + get(""),
	"data that looks bad":       chunks("4\r\n\n\x00\r\r\r\n0\r\n\r\n") + get(""),
	"upgrade, then HTTP":        get("Connection: upgrade\r\nUpgrade: websocket\r\n") + get(""),
	"connect, then HTTP":        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n" + get(""),
	"expect":                    get("Expect: 100-continue\r\nContent-Length: 1\r\n") + "x" + get(""),
	"largest length, no body":   get("Content-Length: 9223372036854775807\r\n"),
	"a byte in a chunk":         chunks(strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n"),
	"HTTP/2":                    preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
}

// badRequest is refused at byte `at`, where that is not obvious.
type badRequest struct {
	data string
	why  string // the error has to hold it
}

// badHeaders are refused before the end of their header; net/http answers 400.
var badHeaders = map[string]badRequest{
	"three empty lines":    {"\r\n\r\n\r\n" + get(""), "empty lines"},
	"empty line, bare LF":  {"\n" + get(""), "does not begin"},
	"empty line, bare CR":  {"\r" + get(""), "CR without LF"},
	"blank first":          {" " + get(""), "does not begin"},
	"no method":            {" / HTTP/1.1\r\nHost: x\r\n\r\n", "does not begin"},
	"bad method":           {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "method"},
	"tab after method":     {"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", "method"},
	"two spaces":           {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", "no target"},
	"no target":            {"GET HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
	"two spaces later":     {"GET /  HTTP/1.1\r\nHost: x\r\n\r\n", "version"},
	"space in target":      {"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "version"},
	"tab in target":        {"GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
	"NUL in target":        {"GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
	"CR in target":         {"GET /a\rb HTTP/1.1\r\nHost: x\r\n\r\n", "target"},
	"HTTP/0.9":             {"GET /\r\n", "target"},
	"HTTP/1.2":             {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", "version"},
	"HTTP/2.0":             {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "version"},
	"HTTP/1.10":            {"GET / HTTP/1.10\r\nHost: x\r\n\r\n", "version"},
	"http/1.1":             {"GET / http/1.1\r\nHost: x\r\n\r\n", "version"},
	"space after version":  {"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", "version"},
	"bare LF in line":      {"GET / HTTP/1.1\nHost: x\r\n\r\n", "version"},
	"bare CR in line":      {"GET / HTTP/1.1\rHost: x\r\n\r\n", "CR without LF"},
	"preface, then GET":    {"PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "version"},
	"preface, other end":   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\rx", "version"},
	"preface, other line":  {"PRI * HTTP/2.\r\nHost: x\r\n\r\n", "version"},
	"preface too late":     {"\r\n" + preface, "version"},
	"bare LF in header":    {"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", "LF without CR"},
	"bare CR in header":    {get("X: y\rContent-Length: 5\r\n"), "CR without LF"},
	"ends with LF LF":      {"GET / HTTP/1.1\r\nHost: x\r\n\nX: y\r\n\r\n", "LF without CR"},
	"ends with CR":         {"GET / HTTP/1.1\r\nHost: x\r\n\rX: y\r\n\r\n", "CR without LF"},
	"CR CR LF":             {get("X: y\r\r\n"), "CR without LF"},
	"folded":               {get("X: y\r\n z\r\n"), "continued"},
	"folded by tab":        {get("X: y\r\n\tz\r\n"), "continued"},
	"folded at once":       {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", "continued"},
	"no name":              {get(": y\r\n"), "without a name"},
	"no colon":             {get("Host\r\n"), "colon"},
	"space before colon":   {get("Content-Length : 5\r\n"), "colon"},
	"coding before space":  {get("Transfer-Encoding : chunked\r\n"), "colon"},
	"tab before colon":     {get("Transfer-Encoding\t: chunked\r\n"), "colon"},
	"vertical tab":         {get("Transfer-Encoding\x0b: chunked\r\n"), "colon"},
	"name above 0x7f":      {get("Tr\xc3\xa4: chunked\r\n"), "colon"},
	"NUL in name":          {get("X\x00: y\r\n"), "colon"},
	"NUL in value":         {get("X: a\x00b\r\n"), "control"},
	"DEL in value":         {get("X: abcdefghijk\x7fb\r\n"), "control"},
	"escape in value":      {get("X: abcdefg\x1bb\r\n"), "control"},
	"length twice":         {get("Content-Length: 5\r\nContent-Length: 5\r\n") + "hello", "more than one Content-Length"},
	"length twice, 0":      {get("Content-Length: 0\r\ncontent-length: 0\r\n"), "more than one Content-Length"},
	"length plus":          {get("Content-Length: +5\r\n") + "hello", "not a number"},
	"length minus":         {get("Content-Length: -5\r\n") + "hello", "not a number"},
	"length hex":           {get("Content-Length: 0x5\r\n") + "hello", "not a number"},
	"length list":          {get("Content-Length: 5, 5\r\n") + "hello", "not a number"},
	"length two":           {get("Content-Length: 5 5\r\n") + "hello", "not a number"},
	"length empty":         {get("Content-Length:\r\n"), "not a number"},
	"length blank":         {get("Content-Length: \t\r\n"), "not a number"},
	"length with junk":     {get("Content-Length: 5\x0b\r\n") + "hello", "control"},
	"length underscore":    {get("Content-Length: 1_0\r\n"), "not a number"},
	"length too large":     {get("Content-Length: 9223372036854775808\r\n"), "too large"},
	"length far too large": {get("Content-Length: 18446744073709551621\r\n") + "hello", "too large"},
	"length with LF":       {get("Content-Length: 5\n") + "hello", "LF without CR"},
	"length by CGI":        {get("Content_Length: 5\r\n") + "hello", "underscore"},
	"coding by CGI":        {get("Transfer_Encoding: chunked\r\n") + "0\r\n\r\n", "underscore"},
	"CL.TE":                {get("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\nG", "both"},
	"TE.CL":                {get("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + "5c\r\nGPOST", "both"},
	"TE.TE":                {get("Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n"), "more than one Transfer-Encoding"},
	"coding twice":         {get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "more than one Transfer-Encoding"},
	"coding in 1.0":        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0"},
	"xchunked":             {get("Transfer-Encoding: xchunked\r\n"), "other than chunked"},
	"chunkedx":             {get("Transfer-Encoding: chunkedx\r\n"), "other than chunked"},
	"chunk":                {get("Transfer-Encoding: chunk\r\n"), "other than chunked"},
	"quoted":               {get("Transfer-Encoding: \"chunked\"\r\n"), "other than chunked"},
	"identity":             {get("Transfer-Encoding: identity\r\n"), "other than chunked"},
	"chunked, identity":    {get("Transfer-Encoding: chunked, identity\r\n"), "other than chunked"},
	"gzip, chunked":        {get("Transfer-Encoding: gzip, chunked\r\n"), "other than chunked"},
	"chunked,":             {get("Transfer-Encoding: chunked,\r\n"), "other than chunked"},
	"chunked;":             {get("Transfer-Encoding: chunked;q=1\r\n"), "other than chunked"},
	"coding empty":         {get("Transfer-Encoding:\r\n"), "other than chunked"},
	"coding after VT":      {get("Transfer-Encoding: \x0bchunked\r\n"), "control"},
	"coding folded":        {get("Transfer-Encoding:\r\n chunked\r\n"), "other than chunked"},
}

// badBodies are refused after their header, so a handler has begun.
var badBodies = map[string]badRequest{
	"no size":               {chunks("\r\nhello\r\n0\r\n\r\n"), "without a size"},
	"blank before size":     {chunks(" 5\r\nhello\r\n0\r\n\r\n"), "without a size"},
	"blank after size":      {chunks("5 \r\nhello\r\n0\r\n\r\n"), "not a number"},
	"blank, extension":      {chunks("5 ;a\r\nhello\r\n0\r\n\r\n"), "not a number"},
	"size 0x5":              {chunks("0x5\r\nhello\r\n0\r\n\r\n"), "not a number"},
	"size -1":               {chunks("-1\r\nhello\r\n0\r\n\r\n"), "without a size"},
	"size +5":               {chunks("+5\r\nhello\r\n0\r\n\r\n"), "without a size"},
	"size 5_0":              {chunks("5_0\r\nhello\r\n0\r\n\r\n"), "not a number"},
	"17 digits":             {chunks("FFFFFFFFFFFFFFFFF\r\n"), "too large"},
	"17 digits, zeros":      {chunks("00000000000000005\r\nhello"), "too large"},
	"int64":                 {chunks("8000000000000000\r\n"), "too large"},
	"too large for double":  {chunks("4000000000000000\r\n"), "too large"},
	"bare LF after size":    {chunks("5\nhello\r\n0\r\n\r\n"), "not a number"},
	"bare CR after size":    {chunks("5\rhello\r\n0\r\n\r\n"), "CR without LF"},
	"LF in extension":       {chunks("5;a\nhello\r\n0\r\n\r\n"), "LF without CR"},
	"CR in extension":       {chunks("5;a\rb\r\nhello\r\n0\r\n\r\n"), "CR without LF"},
	"NUL in extension":      {chunks("5;a\x00\r\nhello\r\n0\r\n\r\n"), "control"},
	"long extension":        {chunks("5;" + strings.Repeat("a", 2000) + "\r\nhello\r\n0\r\n\r\n"), "too long"},
	"many extensions":       {chunks(strings.Repeat("1;"+strings.Repeat("a", 1000)+"\r\nx\r\n", 100) + "0\r\n\r\n"), "little data"},
	"chunk too short":       {chunks("5\r\nhell\r\n0\r\n\r\n"), "not followed by CR LF"},
	"chunk too long":        {chunks("5\r\nhello!\r\n0\r\n\r\n"), "not followed by CR LF"},
	"bare LF after chunk":   {chunks("5\r\nhello\n0\r\n\r\n"), "not followed by CR LF"},
	"bare CR after chunk":   {chunks("5\r\nhello\r0\r\n\r\n"), "CR without LF"},
	"no end after last":     {chunks("0\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"), "colon"},
	"bare LF after last":    {chunks("0\n\n"), "not a number"},
	"bare LF after trailer": {chunks("0\r\nX: y\n\r\n"), "LF without CR"},
	"folded trailer":        {chunks("0\r\nX: y\r\n z\r\n\r\n"), "continued"},
	"length in trailer":     {chunks("0\r\nContent-Length: 5\r\n\r\nhello"), "trailer"},
	"coding in trailer":     {chunks("0\r\nTransfer-Encoding: chunked\r\n\r\n"), "trailer"},
	"host in trailer":       {chunks("0\r\nHost: y\r\n\r\n"), "trailer"},
	"client in trailer":     {chunks("0\r\nX_Forwarded-FOR: y\r\n\r\n"), "trailer"},
	"long trailer":          {chunks("0\r\nX: " + strings.Repeat("y", 5000) + "\r\n\r\n"), "too long"},
	"endless trailer":       {chunks("0\r\n" + strings.Repeat("X: y\r\n", 1000) + "\r\n"), "too long"},
}

// feed gives data to a new framing in pieces of a size, and returns how many
// bytes were accepted.
func feed(data string, size int) (f framing, n int, err error) {
	f = newFraming()
	for err == nil && n < len(data) {
		var passed int
		passed, err = f.check([]byte(data[n:min(n+size, len(data))]))
		n += passed
	}
	return f, n, err
}

func TestFramingAccepts(t *testing.T) {
	for name, data := range goodRequests {
		for _, size := range []int{1, 2, 3, 7, 64, len(data)} {
			f, n, err := feed(data, size)
			if err != nil || n != len(data) {
				t.Errorf("%s in pieces of %d: %v after %q", name, size, err, data[:n])
			} else if name != "HTTP/2" && f.state != atRequest && name != "largest length, no body" {
				t.Errorf("%s in pieces of %d: ends in state %d", name, size, f.state)
			}
		}
	}
}

func TestFramingRefuses(t *testing.T) {
	for _, all := range []map[string]badRequest{badHeaders, badBodies} {
		for name, bad := range all {
			_, at, _ := feed(bad.data, len(bad.data))
			for _, before := range []string{"", get(""), chunks("1\r\nx\r\n0\r\n\r\n")} {
				if before != "" && strings.HasPrefix(bad.data, "PRI") {
					continue // is another offence when it is not the first
				}
				for _, size := range []int{1, 2, 5, 1 << 20} {
					f, n, err := feed(before+bad.data, size)
					if err == nil || !strings.Contains(err.Error(), bad.why) {
						t.Errorf("%s in pieces of %d: %v; want %q", name, size, err, bad.why)
					}
					if n != len(before)+at && !strings.HasPrefix(bad.data, "PRI") {
						t.Errorf("%s in pieces of %d: accepted %d bytes, and %d in one piece", name, size, n-len(before), at)
					}
					if n, again := f.check([]byte("x")); n != 0 || again != err {
						t.Errorf("%s: later accepted %d, %v", name, n, again)
					}
				}
			}
		}
	}
}

func TestTextLen(t *testing.T) {
	for c := range 256 {
		for at := range 20 {
			for _, filler := range []string{" ", "~", "\t", "\x80", "\xff"} {
				for _, next := range []string{filler, "!", "\x80", "\n"} {
					data := strings.Repeat(filler, at) + string([]byte{byte(c)}) + next + strings.Repeat(filler, 9) + "\r"
					want := 0
					for isText(data[want]) {
						want++
					}
					if n := textLen([]byte(data)); n != want {
						t.Fatalf("%q: %d; want %d", data, n, want)
					}
				}
			}
		}
	}
}

func TestPassthrough(t *testing.T) {
	f, _, err := feed(get("Connection: upgrade\r\nUpgrade: websocket\r\n"), 10)
	if err != nil {
		t.Fatal(err)
	}
	refusing := f
	if n, err := refusing.check([]byte("\x81\x00")); n != 0 || err == nil {
		t.Errorf("before the upgrade %d bytes were accepted, %v", n, err)
	}
	refusing.passthrough()
	if _, err := refusing.check([]byte("\x81\x00")); err == nil {
		t.Error("accepted, though refused before")
	}
	f.passthrough()
	if n, err := f.check([]byte("\x81\x00")); n != 2 || err != nil {
		t.Errorf("after the upgrade %d bytes were accepted, %v", n, err)
	}
}

func TestFramingDoesNotAllocate(t *testing.T) {
	data := []byte(browserGet() + get("Content-Length: 5\r\n") + "hello" + chunks("5\r\nhello\r\n0\r\nX: y\r\n\r\n"))
	f := newFraming()
	if n := testing.AllocsPerRun(100, func() { f.check(data) }); n != 0 || f.refused != "" {
		t.Errorf("%v allocations, %s", n, f.refused)
	}
}

// browserGet is as long as browsers make it, about 500 bytes.
func browserGet() string {
	return "GET /articles/2024/05/some-title?page=2 HTTP/1.1\r\nHost: www.example.org\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\nDNT: 1\r\nConnection: keep-alive\r\n" +
		"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\nUpgrade-Insecure-Requests: 1\r\nPriority: u=1\r\n\r\n"
}

func BenchmarkFraming(b *testing.B) {
	body := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", 64<<10, strings.Repeat("x", 64<<10))
	chunked := chunks(strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 16) + "0\r\n\r\n")
	for name, data := range map[string]string{"get": browserGet(), "body64k": body, "chunked64k": chunked} {
		b.Run(name, func(b *testing.B) {
			p := []byte(data)
			f := newFraming()
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				for rest := p; len(rest) > 0; {
					n, err := f.check(rest[:min(len(rest), 4096)]) // what net/http reads at once
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}
