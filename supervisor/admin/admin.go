// Package admin serves what operators and their machines read over HTTP:
// health, metrics, the API and the dashboard. It only ever reads the Status that
// the supervisor has published, so that no reader can hold the pool up.
package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"rota/supervisor"
)

// Source is where the pool's state comes from; it is nil before the first.
type Source interface{ Status() *supervisor.Status }

// Operator changes a pool. Each method returns once the change has begun, or
// says why it has not: see supervisor.ErrNoRoll and its like.
type Operator interface {
	Roll(reason string) (id int, err error) // reads the configuration again first, as HUP does
	PauseRoll() error
	ResumeRoll() error
	AbortRoll() error
	Cycle(slot int) error
	Scale(workers int) (before int, err error)
	Stop()
}

// Options are what a Server answers from.
type Options struct {
	Pool     Pool
	Operator Operator
	Metrics  *Metrics
	Version  string
	Started  time.Time
}

// Server answers for a pool, on its admin address and on its control socket.
type Server struct{ options Options }

// New makes a Server. Nothing is opened yet.
func New(options Options) *Server {
	if options.Metrics != nil {
		options.Metrics.self.release(options.Version)
	}
	return &Server{options}
}

// Serve answers on l until it is closed.
//
//	/livez    200 as long as rota itself works
//	/readyz   200 while at least one worker is ready and rota was not asked to end
//	/healthz  200 while as many workers are ready as were asked for
//	/metrics  Prometheus
//	/v1/      see package api
func (s *Server) Serve(l net.Listener) error {
	server := &http.Server{
		Handler: s.handler(),
		// Nothing here takes long; a client that does must not hold a connection.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *Server) handler() http.Handler {
	pool := s.options.Pool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", health(pool, func(s *supervisor.Status) string { return "" }))
	mux.HandleFunc("GET /readyz", health(pool, notReady))
	mux.HandleFunc("GET /healthz", health(pool, unhealthy))
	mux.Handle("GET /metrics", s.options.Metrics.handler())
	mux.HandleFunc("GET /v1/status", s.status)
	return mux
}

// notReady says why no traffic should be sent here; empty if it should.
func notReady(s *supervisor.Status) string {
	switch {
	case s == nil || s.Ready == 0:
		return "no worker is ready"
	case s.Stopping:
		return "stopping"
	}
	return ""
}

// unhealthy says what is missing; empty if nothing is.
func unhealthy(s *supervisor.Status) string {
	if reason := notReady(s); reason != "" {
		return reason
	}
	if s.Ready < s.Desired {
		return fmt.Sprintf("%d of %d workers are ready", s.Ready, s.Desired)
	}
	return ""
}

func health(source Source, wrong func(*supervisor.Status) string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if reason := wrong(source.Status()); reason != "" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, reason)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
