package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rota/supervisor"
	"rota/supervisor/admin/api"
)

// noted is an operator that writes down what it is asked for.
type noted struct {
	mu   sync.Mutex
	done []string
	fail error
}

func (n *noted) note(format string, args ...any) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.done = append(n.done, fmt.Sprintf(format, args...))
	return n.fail
}

func (n *noted) Roll(reason string) (int, error)   { return 7, n.note("roll: %s", reason) }
func (n *noted) PauseRoll() error                  { return n.note("pause") }
func (n *noted) ResumeRoll() error                 { return n.note("resume") }
func (n *noted) AbortRoll() error                  { return n.note("abort") }
func (n *noted) Cycle(slot int) error              { return n.note("cycle %d", slot) }
func (n *noted) ScaleTo(workers int) (int, error)  { return 2, n.note("scale %d", workers) }
func (n *noted) Stop()                             { _ = n.note("stop") }
func (n *noted) Asked(what, by string)             { _ = n.note("asked: %s, by %s", what, by) }
func (n *noted) Denied(what, by string, err error) { _ = n.note("denied: %s", what) }

// taken is what it was asked for since the last time.
func (n *noted) taken() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	done := n.done
	n.done = nil
	return done
}

func guarded(t *testing.T, d door, token *Token) (*guard, *noted) {
	t.Helper()
	n := &noted{}
	pool := newFixed(t, &supervisor.Status{Desired: 2, Ready: 2})
	s := New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared), Operator: n, Token: token})
	return &guard{s, d, s.handler()}, n
}

// request makes one out of its line, its headers and its body, as they are sent.
func request(t *testing.T, text string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n"))))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	r.RemoteAddr = "192.0.2.1:5"
	return r
}

const secret = "0123456789abcdef"

func openToken(t *testing.T, text string) (*Token, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	token, err := OpenToken(path)
	if err != nil {
		t.Fatal(err)
	}
	return token, path
}

// What is asked for reaches the operator once, and with who it was; what is
// refused does not reach it.
func TestChanges(t *testing.T) {
	const json = "Content-Type: application/json\n"
	scale := func(head, body string) string {
		return fmt.Sprintf("POST /v1/scale HTTP/1.1\nHost: localhost\n%sContent-Length: %d\n\n%s", head, len(body), body)
	}
	post := func(path string) string { return "POST " + path + " HTTP/1.1\nHost: localhost\n\n" }
	by := ", by 192.0.2.1:5"
	for text, want := range map[string]struct {
		code int
		done []string
	}{
		post("/v1/roll"):             {200, []string{"asked: roll" + by, "roll: asked by 192.0.2.1:5"}},
		post("/v1/roll/pause"):       {200, []string{"asked: pause the roll" + by, "pause"}},
		post("/v1/roll/resume"):      {200, []string{"asked: resume the roll" + by, "resume"}},
		post("/v1/roll/abort"):       {200, []string{"asked: abort the roll" + by, "abort"}},
		post("/v1/workers/3/cycle"):  {204, []string{"asked: cycle slot 3" + by, "cycle 3"}},
		post("/v1/stop"):             {204, []string{"asked: stop" + by, "stop"}},
		scale(json, `{"workers":3}`): {200, []string{"asked: scale to 3 workers" + by, "scale 3"}},
		scale("Content-Type: application/json; charset=utf-8\n", ` {"workers":3} `):                          {200, []string{"asked: scale to 3 workers" + by, "scale 3"}},
		"POST /v1/roll HTTP/1.1\nHost: localhost\nOrigin: http://localhost\nSec-Fetch-Site: same-origin\n\n": {200, []string{"asked: roll" + by, "roll: asked by 192.0.2.1:5"}},

		scale("", `{"workers":3}`):                           {415, nil},
		scale("Content-Type: text/plain\n", `{"workers":3}`): {415, nil},
		scale(json, ""):                                      {400, nil},
		scale(json, "{}"):                                    {400, nil},
		scale(json, "null"):                                  {400, nil},
		scale(json, "[]"):                                    {400, nil},
		scale(json, `{"workers":0}`):                         {400, nil},
		scale(json, `{"workers":-1}`):                        {400, nil},
		scale(json, `{"workers":1.5}`):                       {400, nil},
		scale(json, `{"workers":"3"}`):                       {400, nil},
		scale(json, `{"workers":99999999999999999999}`):      {400, nil},
		scale(json, `{"workers":3,"force":true}`):            {400, nil},
		scale(json, `{"workers":3}{"workers":4}`):            {400, nil},
		scale(json, strings.Repeat(" ", mostBody)+"{}"):      {413, nil},
		"POST /v1/scale HTTP/1.1\nHost: localhost\n" + json + "Transfer-Encoding: chunked\n\n1001\n" + strings.Repeat(" ", 4097) + "\n0\n\n": {411, nil},
		"POST /v1/scale HTTP/1.1\nHost: localhost\n" + json + "Transfer-Encoding: chunked\nContent-Length: 13\n\nd\n{\"workers\":3}\n0\n\n":  {411, nil},
		"POST /v1/scale HTTP/1.1\nHost: localhost\n" + json + "Content-Length: 50\n\n{":                                                      {408, nil},
		"POST /v1/stop HTTP/1.1\nHost: localhost\n" + json + "Content-Length: 12\n\n{\"now\":true}":                                          {400, nil},
		"GET /v1/status HTTP/1.1\nHost: localhost\nContent-Length: 1\n\nx":                                                                   {400, nil},

		post("/v1/workers/-1/cycle"):          {400, nil},
		post("/v1/workers/+1/cycle"):          {400, nil},
		post("/v1/workers/1x/cycle"):          {400, nil},
		post("/v1/workers/99999999999/cycle"): {400, nil},
		post("/v1/workers//cycle"):            {404, nil},
		post("/v1/workers/1/cycle/"):          {404, nil},
		post("/v1/../v1/stop"):                {404, nil},
		post("//v1/stop"):                     {404, nil},
		post("/v1/stop/"):                     {404, nil},
		post("/V1/stop"):                      {404, nil},
		post("/v1/%73top/x"):                  {404, nil},
		post("/"):                             {405, nil},

		"GET /v1/stop HTTP/1.1\nHost: localhost\n\n":        {405, nil},
		"HEAD /v1/stop HTTP/1.1\nHost: localhost\n\n":       {405, nil},
		"PUT /v1/scale HTTP/1.1\nHost: localhost\n\n":       {405, nil},
		"OPTIONS /v1/roll HTTP/1.1\nHost: localhost\n\n":    {405, nil},
		"TRACE /v1/status HTTP/1.1\nHost: localhost\n\n":    {405, nil},
		"POST /metrics HTTP/1.1\nHost: localhost\n\n":       {405, nil},
		"CONNECT /v1/stop HTTP/1.1\nHost: localhost\n\n":    {405, nil},
		"CONNECT localhost:1 HTTP/1.1\nHost: localhost\n\n": {404, nil},
		"OPTIONS * HTTP/1.1\nHost: localhost\n\n":           {404, nil},

		"POST /v1/stop HTTP/1.1\nHost: localhost\nOrigin: https://evil.example\n\n":  {403, nil},
		"POST /v1/stop HTTP/1.1\nHost: localhost\nOrigin: http://localhost:3000\n\n": {403, nil},
		"POST /v1/stop HTTP/1.1\nHost: localhost\nOrigin: null\n\n":                  {403, nil},
		"POST /v1/stop HTTP/1.1\nHost: localhost\nSec-Fetch-Site: cross-site\n\n":    {403, nil},
		"POST /v1/stop HTTP/1.1\nHost: localhost\nSec-Fetch-Site: same-site\n\n":     {403, nil},
		"DELETE /v1/stop HTTP/1.1\nHost: localhost\nSec-Fetch-Site: cross-site\n\n":  {405, nil},
	} {
		g, operator := guarded(t, door{control: true}, nil)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, request(t, text))
		line, _, _ := strings.Cut(text, "\n")
		if done := operator.taken(); w.Code != want.code || !slices.Equal(done, want.done) {
			t.Errorf("%.300q: %d %q, want %d %q\n%s", text, w.Code, done, want.code, want.done, w.Body)
		}
		isGuarded(t, line, w.Result())
		if w.Code/100 != 2 {
			isError(t, line, w)
		}
		if allow := w.Header().Get("Allow"); (w.Code == 405) != (allow != "") {
			t.Errorf("%s: %d with Allow: %q", line, w.Code, allow)
		}
	}
}

// isGuarded checks that no page but rota's own can make use of an answer.
func isGuarded(t *testing.T, what string, r *http.Response) {
	t.Helper()
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": ""} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	if policy := r.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("%s: the policy is %q", what, policy)
	}
}

func isError(t *testing.T, what string, w *httptest.ResponseRecorder) {
	t.Helper()
	var e api.Error
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Message == "" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: %v, %s: %s", what, err, w.Header().Get("Content-Type"), w.Body)
	}
}

// While the supervisor's loop answers nobody, few wait for it.
func TestBusyLoop(t *testing.T) {
	g, operator := guarded(t, door{control: true}, nil)
	for range mostAsking {
		g.loop <- struct{}{}
	}
	for _, text := range []string{"POST /v1/stop HTTP/1.1\nHost: rota\n\n", "GET /v1/workers/0/explain HTTP/1.1\nHost: rota\n\n"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nor does who has gone
		w := httptest.NewRecorder()
		g.ServeHTTP(w, request(t, text).WithContext(ctx))
		if done := operator.taken(); w.Code != 503 || w.Header().Get("Retry-After") == "" || len(done) != 0 {
			t.Errorf("%q: %d %s, %q", text, w.Code, w.Body, done)
		}
		isError(t, text, w)
	}
	<-g.loop
	w := httptest.NewRecorder()
	g.ServeHTTP(w, request(t, "POST /v1/stop HTTP/1.1\nHost: rota\n\n"))
	if w.Code != 204 || len(g.loop) != mostAsking-1 {
		t.Errorf("%d %s, %d turns are taken", w.Code, w.Body, len(g.loop))
	}
}

func TestRefusedByThePool(t *testing.T) {
	for err, want := range map[error]int{
		supervisor.ErrNoRoll: 409, supervisor.ErrStopping: 409, fmt.Errorf("x: %w", supervisor.ErrNoWorker): 404,
		&ConfigError{errors.New("rota.yaml:3: bad")}: 422, errors.New("other"): 409,
	} {
		g, operator := guarded(t, door{control: true}, nil)
		operator.fail = err
		w := httptest.NewRecorder()
		g.ServeHTTP(w, request(t, "POST /v1/roll HTTP/1.1\nHost: rota\n\n"))
		if w.Code != want || !strings.Contains(w.Body.String(), err.Error()) {
			t.Errorf("%v: %d %s, want %d", err, w.Code, w.Body, want)
		}
		if done := operator.taken(); len(done) != 3 || !strings.HasPrefix(done[2], "denied: roll") {
			t.Errorf("%v: %q", err, done)
		}
	}
}

// Over TCP, a change takes the token.
func TestToken(t *testing.T) {
	token, path := openToken(t, "  "+secret+"  \nanother line\n")
	post := func(auth string) int {
		g, operator := guarded(t, door{}, token)
		w := httptest.NewRecorder()
		r := request(t, "POST /v1/stop HTTP/1.1\nHost: any.example\n\n")
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		g.ServeHTTP(w, r)
		done := operator.taken()
		if (len(done) > 0) != (w.Code == 204) || w.Code == 401 && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %d, %q, %v", auth, w.Code, done, w.Header())
		}
		return w.Code
	}
	for auth, want := range map[string]int{
		"Bearer " + secret: 204, "bearer  " + secret + " ": 204,
		"": 401, "Bearer": 401, "Bearer ": 401, secret: 401, "Basic " + secret: 401, "Bearer " + secret[1:]: 401, "Bearer " + secret + "x": 401,
		"Bearer another line": 401, "Bearer " + strings.ToUpper(secret): 401,
	} {
		if code := post(auth); code != want {
			t.Errorf("%q: %d, want %d", auth, code, want)
		}
	}
	put := func(text string) {
		next := path + ".next"
		if err := errors.Join(os.WriteFile(next, []byte(text), 0o604), os.Rename(next, path)); err != nil {
			t.Fatal(err)
		}
	}
	if token.Warning() != "" {
		t.Errorf("warning: %s", token.Warning())
	}
	put("fedcba9876543210")
	if a, b := post("Bearer "+secret), post("Bearer fedcba9876543210"); a != 401 || b != 204 {
		t.Errorf("after a change: %d with the old one, %d with the new one", a, b)
	}
	if !strings.Contains(token.Warning(), "chmod") {
		t.Errorf("a file that all can read: %q", token.Warning())
	}
	put("short")
	if a, b := post("Bearer "+secret), post("Bearer short"); a != 403 || b != 403 {
		t.Errorf("with a token that is too short: %d, %d", a, b)
	}
	os.Remove(path)
	if code := post("Bearer short"); code != 403 {
		t.Errorf("without the file: %d", code)
	}
	token = nil
	if code := post("Bearer " + secret); code != 403 {
		t.Errorf("without any token: %d", code)
	}
	for _, text := range []string{"", "\n" + secret, "short\n" + secret, "                                "} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenToken(path); err == nil {
			t.Errorf("%q is a token", text)
		}
	}
}

// A page of another site whose name was made to mean this machine sends its own.
func TestHost(t *testing.T) {
	local, _ := guarded(t, door{loopback: true}, nil)
	public, _ := guarded(t, door{}, nil)
	for host, fine := range map[string]bool{
		"localhost": true, "localhost:9797": true, "LocalHost:1": true, "127.0.0.1": true, "127.0.0.1:9797": true, "127.1.2.3:8": true,
		"[::1]": true, "[::1]:9797": true, "[::ffff:127.0.0.1]:1": true, "": true,
		"evil.example": false, "evil.example:9797": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "10.0.0.1:9797": false,
		"0.0.0.0": false, "[::]:9797": false, "localhost:9797:1": false, "127.1": false, "2130706433": false,
	} {
		for path, code := range map[string]int{"/livez": 200, "/metrics": 200, "/v1/status": 200, "/nothing": 404} {
			r := request(t, "GET "+path+" HTTP/1.0\nHost: "+host+"\n\n")
			w := httptest.NewRecorder()
			public.ServeHTTP(w, r)
			if w.Code != code {
				t.Errorf("%q on a public address: %s is %d", host, path, w.Code)
			}
			if !fine {
				code = 403
			}
			w = httptest.NewRecorder()
			local.ServeHTTP(w, r)
			if w.Code != code {
				t.Errorf("%q on loopback: %s is %d, want %d", host, path, w.Code, code)
			}
			isGuarded(t, host, w.Result())
		}
	}
}

func TestPanic(t *testing.T) {
	said := ""
	s := New(Options{Metrics: NewMetrics(supervisor.AcceptShared), Warn: func(text string) { said = text }})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) { panic("oh") })
	w := httptest.NewRecorder()
	(&guard{s, door{}, mux}).ServeHTTP(w, request(t, "GET / HTTP/1.1\nHost: a\n\n"))
	if w.Code != 500 || !strings.Contains(said, "oh") || strings.Contains(said, "\n") || strings.Contains(w.Body.String(), "oh") {
		t.Errorf("%d %s, said %q", w.Code, w.Body, said)
	}
}

// Connections that send nothing, or a little now and then, do not keep others out.
func TestCrowd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const most = 4
	c := newCrowd(l, most)
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	server := &http.Server{ConnContext: arrive, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := r.Context().Value(guestKey{}).(*guest)
		g.work(true)
		defer g.work(false)
		if r.URL.Path == "/hold" {
			held <- struct{}{}
			<-hold
		}
	})}
	go func() { _ = server.Serve(c) }()
	defer server.Close()
	dial := func(text string) net.Conn {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	busy := dial("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
	<-held
	var lazy []net.Conn
	for range 3 * most {
		lazy = append(lazy, dial("GET / HTTP/1.1\r\nHos"))
		answer, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			t.Fatalf("beside %d that send a little: %v", len(lazy), err)
		}
		answer.Body.Close()
	}
	if _, err := lazy[0].Read(make([]byte, 1)); err == nil {
		t.Error("the first that sent a little is still there")
	}
	c.mu.Lock()
	if len(c.guests) > most {
		t.Errorf("%d connections are held, of at most %d", len(c.guests), most)
	}
	c.mu.Unlock()
	close(hold)
	_ = busy.SetReadDeadline(time.Now().Add(time.Minute))
	if answer, err := http.ReadResponse(bufio.NewReader(busy), nil); err != nil || answer.StatusCode != 200 {
		t.Errorf("the one that was being answered: %v, %v", answer, err)
	}
}

func TestRefusalsAreLoggedNowAndThen(t *testing.T) {
	var said bytes.Buffer
	var r refusals
	for range 100 {
		r.note(func(text string) { said.WriteString(text) }, "x")
	}
	r.last = time.Now().Add(-time.Hour)
	r.note(func(text string) { said.WriteString(text) }, "y")
	if said.String() != "xy (and 99 more before)" {
		t.Errorf("%q", said.String())
	}
}
