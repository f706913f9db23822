// Says who answers, and what it was sent. Without flags that say otherwise it is the plainest server
// there is: it handles no signal and binds its own address.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "", "where to listen")
	metrics := flag.String("metrics", "", "where to listen too, and first")
	inherit := flag.Bool("inherit", false, "serve on the sockets of LISTEN_FDS instead of an address")
	gate := flag.String("gate", "", "say READY=1 to $NOTIFY_SOCKET once this file exists")
	drain := flag.Bool("shutdown", false, "call Shutdown on SIGTERM, and nothing more")
	flag.Parse()

	if *metrics != "" {
		go serve(must(net.Listen("tcp", *metrics)), func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "metrics of %d\n", os.Getpid())
		})
	}
	var listeners []net.Listener
	if *inherit {
		listeners = inherited()
	} else {
		listeners = append(listeners, must(net.Listen("tcp", *addr)))
	}
	if *gate != "" {
		go sayReady(*gate)
	}
	if *drain {
		shutdown(listeners[0])
		return
	}
	for _, l := range listeners[1:] {
		go serve(l, whoami)
	}
	serve(listeners[0], whoami)
}

// leaked is what requests have asked to be kept, in KiB each.
var leaked struct {
	sync.Mutex
	kept [][]byte
}

func leak(kib int) {
	if kib <= 0 {
		return
	}
	kept := make([]byte, kib<<10)
	for i := 0; i < len(kept); i += 4096 {
		kept[i] = 1
	}
	leaked.Lock()
	defer leaked.Unlock()
	leaked.kept = append(leaked.kept, kept)
}

func whoami(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	hash := sha256.New()
	length, err := io.Copy(hash, r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // there is nobody to answer
	}
	kib, _ := strconv.Atoi(query.Get("leak"))
	leak(kib)
	hold, _ := strconv.ParseFloat(query.Get("hold"), 64)
	time.Sleep(time.Duration(hold * float64(time.Second)))
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = "-" // a unix socket
	}
	fmt.Fprintf(w, "pid=%d slot=%s generation=%s client=%s id=%s length=%d sha256=%x\n",
		os.Getpid(), os.Getenv("ROTA_SLOT"), os.Getenv("ROTA_GENERATION"), client,
		cmp.Or(query.Get("id"), "-"), length, hash.Sum(nil))
}

func serve(l net.Listener, handler http.HandlerFunc) { log.Fatal(http.Serve(l, handler)) }

// shutdown does what every tutorial says, which is not enough: a connection
// that was accepted but whose request was not read yet is closed unanswered.
func shutdown(l net.Listener) {
	srv := &http.Server{Handler: http.HandlerFunc(whoami)}
	ended := make(chan struct{})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		_ = srv.Shutdown(context.Background())
		close(ended)
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-ended
}

// inherited never calls listen(2): the sockets listen already.
func inherited() []net.Listener {
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if n < 1 || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		log.Fatalf("no sockets: LISTEN_FDS=%q LISTEN_PID=%q pid %d", os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_PID"), os.Getpid())
	}
	var ls []net.Listener
	for i := range n {
		ls = append(ls, must(net.FileListener(os.NewFile(uintptr(3+i), "listener"))))
	}
	return ls
}

func sayReady(gate string) {
	for {
		_, err := os.Stat(gate)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			log.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("STATUS=serving\nREADY=1\n")); err != nil {
		log.Fatal(err)
	}
}

func must(l net.Listener, err error) net.Listener {
	if err != nil {
		log.Fatal(err)
	}
	return l
}
