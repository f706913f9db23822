// Package admin serves what operators and their machines read over HTTP:
// health, metrics, the API and the dashboard. It only ever reads the Status that
// the supervisor has published, so that no reader can hold the pool up; but for an
// explanation, which few at a time ask the loop for.
package admin

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"rota/supervisor"
	"rota/supervisor/admin/control"
	"rota/supervisor/admin/dashboard"
	"rota/supervisor/admin/history"
	"rota/supervisor/admin/journal"
)

// Source is where the pool's state comes from; it is nil before the first.
type Source interface{ Status() *supervisor.Status }

// Options are what a Server answers from.
type Options struct {
	Pool     Pool
	Operator Operator
	Metrics  *Metrics
	Version  string
	Started  time.Time
	Journal  *journal.Journal  // what /v1/events tells; nil for nothing
	History  *history.Recorder // what /v1/history tells; nil for nothing

	// Of the admin address:
	Token       *Token       // nil: nobody may change anything there
	Certificate *Certificate // nil for no TLS

	Warn func(text string) // to the log; nil for standard error
	Logs *log.Logger       // of what net/http has to say; nil for standard error
}

// Server answers for a pool, on its admin address and on its control socket.
type Server struct {
	options   Options
	streams   streams
	feed      *feed
	histories turns // to be written
	explains  turns // to ask the loop
	refusals  refusals
	patience  time.Duration // with a stream's client; see streamPatience
}

// New makes a Server. Nothing is opened yet.
func New(options Options) *Server {
	if options.Journal == nil {
		options.Journal = journal.New(time.Now())
	}
	if options.History == nil {
		options.History = history.New(options.Journal, false)
	}
	if options.Metrics != nil {
		options.Metrics.self.release(options.Version)
	}
	s := &Server{options: options, histories: make(turns, mostHistories), explains: make(turns, mostExplains), patience: streamPatience}
	s.feed = newFeed(options.Journal, s.statusMessage)
	return s
}

func (s *Server) warn(text string) {
	if s.options.Warn == nil {
		log.Print(text)
		return
	}
	s.options.Warn(text)
}

// Serve answers on the admin address until l is closed. Anybody may ask; only the
// bearer of the token may change anything.
//
//	/         the dashboard
//	/livez    200 as long as rota itself works
//	/readyz   200 while at least one worker is ready and rota was not asked to end
//	/healthz  200 while as many workers are ready as were asked for
//	/metrics  Prometheus
//	/v1/      see package api
func (s *Server) Serve(l net.Listener) error {
	address, ok := l.Addr().(*net.TCPAddr)
	return s.serve(l, door{loopback: ok && address.IP.IsLoopback()}, s.options.Certificate)
}

// ServeControl answers on the control socket, whose users may change the pool.
func (s *Server) ServeControl(l *control.Listener) error {
	return s.serve(l, door{control: true}, nil)
}

func (s *Server) serve(l net.Listener, d door, certificate *Certificate) error {
	server := &http.Server{
		Handler: &guard{s, d, s.handler()},
		// Nothing here takes long; a client that does must not hold a connection. How
		// long a body may take, guard says: a limit on the whole request would end
		// streams.
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    mostHeader,
		ConnContext:       arrive,
		ErrorLog:          s.options.Logs,
		// OPTIONS * is a bad request as any other.
		DisableGeneralOptionsHandler: true,
	}
	l = newCrowd(l, mostConnections)
	if certificate != nil {
		l = tls.NewListener(l, certificate.config(s.warn))
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

func (s *Server) handler() *http.ServeMux {
	pool := s.options.Pool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", health(pool, func(s *supervisor.Status) string { return "" }))
	mux.HandleFunc("GET /readyz", health(pool, notReady))
	mux.HandleFunc("GET /healthz", health(pool, unhealthy))
	mux.Handle("GET /metrics", s.options.Metrics.handler())
	mux.HandleFunc("GET /v1/status", s.status)
	mux.HandleFunc("GET /v1/events", s.events)
	mux.HandleFunc("GET /v1/history", s.history)
	mux.HandleFunc("GET /v1/rolls", s.rolls)
	mux.HandleFunc("GET /v1/workers/{slot}/explain", s.explain)
	s.changes(mux)
	dashboard.New(s.current).Mount(mux)
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
