package integration

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rota/integration/load"
)

// The test binary is also a program for the workers, with faults on demand:
//
//	PROGRAM=server  serves HTTP on 127.0.0.1:$PORT, see program
//	PROGRAM=binder  binds 127.0.0.1:$PORT and never listens
//	PROGRAM=idler   does nothing but note its signals
//
// NOTES names a file to which it adds a line for each stop signal.
func init() {
	switch os.Getenv("PROGRAM") {
	case "":
		return
	case "server":
		program{onTerm: os.Getenv("ON_TERM"), gate: os.Getenv("GATE"), cert: os.Getenv("CERT"), orphans: os.Getenv("ORPHANS")}.serve()
	case "binder":
		bindOnly()
	case "idler":
		for range stopSignals() {
			note("idler %d: TERM", os.Getpid())
		}
	}
	os.Exit(0)
}

// program is the server that PROGRAM=server stands for.
type program struct {
	// drain (the default) ends when all requests are answered, ignore does
	// not end at all, code ends like drain with its pid modulo 256 as the exit
	// code, and family has a child that ignores the signal as well.
	onTerm  string
	gate    string // it does not listen before the file of this name, with its slot at the end, is there
	cert    string // it speaks TLS, with the certificate and the key in this file
	orphans string // how many short-lived orphans it leaves to its init
}

func (p program) serve() {
	term := stopSignals()
	if p.onTerm == "family" {
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), "PROGRAM=idler")
		if err := child.Start(); err != nil {
			log.Fatal(err)
		}
	}
	for p.gate != "" {
		if _, err := os.Stat(p.gate + os.Getenv("ROTA_SLOT")); err == nil {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	if p.cert != "" {
		pair, err := tls.LoadX509KeyPair(p.cert, p.cert)
		if err != nil {
			log.Fatal(err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	server := &http.Server{Handler: handler()}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	abandon(p.orphans)
	for range term {
		note("server %d: TERM", os.Getpid())
		if p.onTerm == "ignore" || p.onTerm == "family" {
			continue
		}
		go server.Shutdown(context.Background()) // returns once all is answered
		break
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	if p.onTerm == "code" {
		os.Exit(os.Getpid() % 256)
	}
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "pid=%d slot=%s generation=%s greeting=%s args=%s\n", os.Getpid(), os.Getenv("ROTA_SLOT"),
			os.Getenv("ROTA_GENERATION"), os.Getenv("GREETING"), strings.Join(os.Args[1:], ","))
	})
	// It says that it has begun, so that whoever asks can act meanwhile.
	mux.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
		d, _ := time.ParseDuration(r.URL.Query().Get("for"))
		io.WriteString(w, "begun\n")
		w.(http.Flusher).Flush()
		time.Sleep(d)
		io.WriteString(w, "done\n")
	})
	// It is well once the file $HEALTH is there, with the worker's slot at the end.
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(os.Getenv("HEALTH") + os.Getenv("ROTA_SLOT")); err != nil {
			http.Error(w, "not yet", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/crash", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(cmp.Or(r.URL.Query().Get("code"), strconv.Itoa(os.Getpid()%256)))
		os.Exit(code)
	})
	return mux
}

// abandon starts processes twice removed, whose parents end at once. Each adds
// a line to $NOTES.orphans; some outlive their parent, some do not. They do not
// mind the end of the worker, which is to wait for them.
func abandon(count string) {
	if count == "" {
		return
	}
	cmd := exec.Command("sh", "-c", `trap "" TERM
i=0
while [ $i -lt "$0" ]; do
	(echo x >>"$NOTES.orphans" &)
	(sleep 0.02; echo x >>"$NOTES.orphans") &
	i=$((i+2))
done`, count)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		log.Fatal(err)
	}
}

func bindOnly() {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		log.Fatal(err)
	}
	port, _ := strconv.Atoi(os.Getenv("PORT"))
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		log.Fatal(err)
	}
	<-stopSignals()
}

func stopSignals() <-chan os.Signal {
	ch := make(chan os.Signal, 8)
	signal.Notify(ch, syscall.SIGTERM)
	return ch
}

func note(format string, args ...any) {
	path := os.Getenv("NOTES")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, format+"\n", args...)
}

// site is where the program of a test serves.
type site struct {
	t    *testing.T
	addr string
	env  []string // what makes the program serve there
	path string   // of the program
}

// newSite finds a port for a program; more says how it shall behave.
func newSite(t *testing.T, more ...string) site {
	t.Helper()
	port := freePort(t)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append([]string{"PROGRAM=server", fmt.Sprintf("PORT=%d", port)}, more...)
	return site{t, fmt.Sprintf("127.0.0.1:%d", port), env, path}
}

// start runs a pool of the program.
func (s site) start(args []string, options ...option) *pool {
	s.t.Helper()
	return start(s.t, append(args, "--", s.path), append(options, withEnv(s.env...))...)
}

// pid asks a worker for its pid.
func (s site) pid() int {
	s.t.Helper()
	var pid int
	if _, err := fmt.Sscanf(s.ask("/"), "pid=%d", &pid); err != nil {
		s.t.Fatal(err)
	}
	return pid
}

// ask sends a request that must be answered.
func (s site) ask(path string) string {
	s.t.Helper()
	body, err := load.Get(s.addr, path)
	if err != nil {
		s.t.Fatalf("GET %s: %v", path, err)
	}
	return body
}

// crash makes one worker end without being asked to.
func (s site) crash(query string) {
	s.t.Helper()
	if body, err := load.Get(s.addr, "/crash"+query); err == nil {
		s.t.Fatalf("a worker that was to crash answered %q", body)
	}
}

// hold begins a request that takes so long; it returns once a worker is at it.
// The channel gives what became of it.
func (s site) hold(d time.Duration) <-chan error {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET /hold?for=%s HTTP/1.0\r\n\r\n", d)
	var text strings.Builder
	buf := make([]byte, 512)
	for !strings.HasSuffix(text.String(), "\nbegun\n") {
		n, err := conn.Read(buf)
		if err != nil {
			s.t.Fatalf("a request is lost before it began: %v", err)
		}
		text.Write(buf[:n])
	}
	result := make(chan error, 1)
	go func() {
		rest, err := io.ReadAll(conn)
		if err == nil && string(rest) != "done\n" {
			err = fmt.Errorf("cut short: %q", rest)
		}
		result <- err
	}()
	return result
}
