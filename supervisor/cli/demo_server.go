package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"rota/listener"
)

// newDemoServer is the leaking server that `rota demo` runs a pool of. It is an
// ordinary HTTP server that knows nothing of rota: it binds $PORT itself.
func newDemoServer() *cobra.Command {
	leak := 0
	cmd := &cobra.Command{
		Use: "demo-server", Short: "the leaking server of rota demo", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serveLeaking("127.0.0.1:"+os.Getenv("PORT"), leak)
		},
	}
	cmd.Flags().IntVar(&leak, "leak", 0, "bytes that each request leaves behind")
	return cmd
}

// demoWork is how long a request takes, so that some are always in flight.
const demoWork = 20 * time.Millisecond

func serveLeaking(addr string, leak int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp4", addr)
	if err != nil && os.Getenv("LISTEN_FDS") == "1" {
		l, err = net.FileListener(os.NewFile(listener.FirstFD, "socket"))
	}
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var kept [][]byte
	var open sync.WaitGroup
	server := &http.Server{
		ReadHeaderTimeout: 5 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			waste := make([]byte, leak)
			for i := 0; i < len(waste); i += 4096 {
				waste[i] = 1 // memory counts once it was written to
			}
			mu.Lock()
			kept = append(kept, waste)
			mu.Unlock()
			time.Sleep(demoWork)
			fmt.Fprintf(w, "pid %d\n", os.Getpid())
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed, http.StateHijacked:
				open.Done()
			}
		},
	}
	server.SetKeepAlivesEnabled(false)
	go func() {
		<-ctx.Done()
		l.Close()
	}()
	// Serve returns once the listener is closed, and has counted every connection
	// that it accepted by then. Shutdown would drop those whose request was not
	// read yet, so the server waits for all of them instead.
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	open.Wait()
	return nil
}
