package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rota/listener/front"
)

// asked is a request as the front passes it on.
func asked(method, target, ref, agent string) *http.Request {
	r := &http.Request{Method: method, RequestURI: target, Proto: "HTTP/1.1", Header: http.Header{}}
	if ref != "" {
		r.Header.Set("Referer", ref)
	}
	if agent != "" {
		r.Header.Set("User-Agent", agent)
	}
	return r
}

var noon = time.Date(2026, 2, 3, 12, 4, 5, 678e6, time.FixedZone("", -(3*3600+30*60)))

func TestAccessLine(t *testing.T) {
	for name, c := range map[string]struct {
		answer     front.Answer
		text, json string
	}{
		"all": {
			front.Answer{Request: asked("POST", "/a?b=c", "http://x/", "curl/8"), Client: "192.0.2.1", Slot: 2, Code: 200, Bytes: 512, Began: noon,
				Duration: 1234567 * time.Microsecond, Waited: 42 * time.Microsecond, Kind: front.KindRequest, Retried: true},
			`192.0.2.1 - - [03/Feb/2026:12:04:05 -0330] "POST /a?b=c HTTP/1.1" 200 512 "http://x/" "curl/8" 1.234567 0.000042 2`,
			`{"time":"2026-02-03T12:04:05.678-03:30","client":"192.0.2.1","method":"POST","target":"/a?b=c","proto":"HTTP/1.1","code":200,"bytes":512,"referer":"http://x/","user_agent":"curl/8","duration_s":1.234567,"waited_s":0.000042,"slot":2,"kind":"request","retried":true}`,
		},
		"shed, over a unix socket": {
			front.Answer{Request: asked("GET", "/", "", ""), Slot: front.NoSlot, Code: 503, Began: noon.UTC(), Kind: front.KindRequest, Shed: front.ShedFull},
			`- - - [03/Feb/2026:15:34:05 +0000] "GET / HTTP/1.1" 503 0 "-" "-" 0.000000 0.000000 -`,
			`{"time":"2026-02-03T15:34:05.678Z","method":"GET","target":"/","proto":"HTTP/1.1","code":503,"bytes":0,"duration_s":0.000000,"waited_s":0.000000,"slot":null,"kind":"request","shed":"full"}`,
		},
		"an upgraded connection that was cut": {
			front.Answer{Request: asked("GET", "/ws", "", ""), Client: "2001:db8::1", Slot: 0, Code: 101, Bytes: 1 << 40, Began: noon, Duration: 26 * time.Hour, Kind: front.KindUpgrade, Cut: true},
			`2001:db8::1 - - [03/Feb/2026:12:04:05 -0330] "GET /ws HTTP/1.1" 101 1099511627776 "-" "-" 93600.000000 0.000000 0`,
			`{"time":"2026-02-03T12:04:05.678-03:30","client":"2001:db8::1","method":"GET","target":"/ws","proto":"HTTP/1.1","code":101,"bytes":1099511627776,"duration_s":93600.000000,"waited_s":0.000000,"slot":0,"kind":"upgrade","cut":true}`,
		},
		"what was no request": {
			front.Answer{Client: "192.0.2.1", Slot: front.NoSlot, Code: 400, Began: noon, Duration: -1, Kind: front.KindRequest},
			`192.0.2.1 - - [03/Feb/2026:12:04:05 -0330] "-" 400 0 "-" "-" 0.000000 0.000000 -`,
			`{"time":"2026-02-03T12:04:05.678-03:30","client":"192.0.2.1","code":400,"bytes":0,"duration_s":0.000000,"waited_s":0.000000,"slot":null,"kind":"request"}`,
		},
		"a worker that failed": {
			front.Answer{Request: asked("GET", "/", "", ""), Client: "192.0.2.1", Slot: 1, Code: 502, Began: noon, Duration: time.Second - 1, Kind: front.KindRequest, Failure: front.FailClosed},
			`192.0.2.1 - - [03/Feb/2026:12:04:05 -0330] "GET / HTTP/1.1" 502 0 "-" "-" 0.999999 0.000000 1`,
			`{"time":"2026-02-03T12:04:05.678-03:30","client":"192.0.2.1","method":"GET","target":"/","proto":"HTTP/1.1","code":502,"bytes":0,"duration_s":0.999999,"waited_s":0.000000,"slot":1,"kind":"request","failure":"closed"}`,
		},
		"a client with ideas": {
			front.Answer{Request: asked("GET", "/\"\\\x00\x1b[2J", "a\" 200 1\r\nforged", "h\u00e9\xff\u2028\x7f\u0085"), Client: "192.0.2.1", Slot: 1, Code: 200, Began: noon, Kind: front.KindRequest},
			`192.0.2.1 - - [03/Feb/2026:12:04:05 -0330] "GET /\x22\x5C\x00\x1B[2J HTTP/1.1" 200 0 "a\x22 200 1\x0D\x0Aforged" "h\xC3\xA9\xFF\xE2\x80\xA8\x7F\xC2\x85" 0.000000 0.000000 1`,
			`{"time":"2026-02-03T12:04:05.678-03:30","client":"192.0.2.1","method":"GET","target":"/\u0022\u005c\u0000\u001b[2J","proto":"HTTP/1.1","code":200,"bytes":0,"referer":"a\u0022 200 1\u000d\u000aforged","user_agent":"hé\ufffd\u2028\u007f\u0085","duration_s":0.000000,"waited_s":0.000000,"slot":1,"kind":"request"}`,
		},
	} {
		if got := string(appendText(nil, &c.answer)); got != c.text+"\n" {
			t.Errorf("%s: text is\n%swant\n%s", name, got, c.text)
		}
		got := appendJSON(nil, &c.answer)
		if string(got) != c.json+"\n" {
			t.Errorf("%s: JSON is\n%swant\n%s", name, got, c.json)
		}
		if !json.Valid(got) {
			t.Errorf("%s: that is no JSON: %s", name, got)
		}
	}
}

// combined reads a line as programs do that know the Combined Log Format.
var combined = regexp.MustCompile(`^(\S+) - - \[([^]]+)\] "([^"]*)" (\d+) (\d+) "([^"]*)" "([^"]*)" ([0-9]+\.[0-9]{6}) ([0-9]+\.[0-9]{6}) (\d+|-)\n$`)

var escape = regexp.MustCompile(`\\x[0-9A-F]{2}`)

// unescaped undoes appendEscaped.
func unescaped(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		c, _ := strconv.ParseUint(e[2:], 16, 8)
		return string([]byte{byte(c)})
	})
}

// Whatever a client sends, a line is one line, and says what the client sent.
func FuzzAccessLine(f *testing.F) {
	f.Add("GET", "/", "", "curl/8")
	f.Add("GET", "/\" 200 0 \"-\" \"-\"\n192.0.2.9 - - [", "\\x22", "\\")
	f.Add("", "\xff\xfe", "\u2028\u2029", "\x1b]0;\x07")
	f.Add("A B", " / ", "-", "{\"a\":1}\r\n")
	f.Fuzz(func(t *testing.T, method, target, ref, agent string) {
		a := front.Answer{Request: asked(method, target, ref, agent), Client: "192.0.2.1", Slot: 3, Code: 200, Bytes: 7, Began: noon, Duration: time.Second, Kind: front.KindRequest}

		line := appendText(nil, &a)
		if i := bytes.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }); i != len(line)-1 {
			t.Fatalf("byte %d of %q is not printable", i, line)
		}
		m := combined.FindSubmatch(line)
		if m == nil {
			t.Fatalf("%q does not parse", line)
		}
		dash := func(s string) string {
			if s == "" {
				return "-"
			}
			return s
		}
		for i, want := range map[int]string{1: a.Client, 3: dash(method) + " " + dash(target) + " HTTP/1.1", 4: "200", 5: "7", 6: dash(ref), 7: dash(agent), 8: "1.000000", 10: "3"} {
			if got := unescaped(string(m[i])); got != want {
				t.Errorf("field %d of %q is %q, want %q", i, line, got, want)
			}
		}

		line = appendJSON(nil, &a)
		if bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q is not one line", line)
		}
		var got struct {
			Method, Target, Proto, Referer string
			Agent                          string `json:"user_agent"`
			Code, Slot                     int
		}
		decoder := json.NewDecoder(bytes.NewReader(line))
		if err := decoder.Decode(&got); err != nil {
			t.Fatalf("%q does not parse: %v", line, err)
		}
		for _, pair := range [][2]string{{got.Method, method}, {got.Target, target}, {got.Referer, ref}, {got.Agent, agent}} {
			if want := valid(pair[1]); pair[0] != want {
				t.Errorf("%q came back as %q, want %q", pair[1], pair[0], want)
			}
		}
		if got.Proto != "HTTP/1.1" || got.Code != 200 || got.Slot != 3 {
			t.Errorf("%q says %+v", line, got)
		}
	})
}

// valid has a U+FFFD for each byte that is no UTF-8.
func valid(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

func BenchmarkAccessLine(b *testing.B) {
	a := front.Answer{Request: asked("GET", "/some/path?with=a&query", "https://example.org/from", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
		Client: "192.0.2.1", Slot: 2, Code: 200, Bytes: 5120, Began: noon, Duration: 1234 * time.Microsecond, Kind: front.KindRequest}
	for name, format := range map[string]func([]byte, *front.Answer) []byte{"text": appendText, "json": appendJSON} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var line []byte
			for b.Loop() {
				line = format(line[:0], &a)
			}
		})
	}
}
