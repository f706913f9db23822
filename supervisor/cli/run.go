package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
	"github.com/spf13/pflag"

	"rota/listener/front"
	"rota/supervisor"
	"rota/supervisor/admin"
	"rota/supervisor/admin/history"
	"rota/supervisor/admin/journal"
)

// settleTime is how long a watched file must stay as it is before it counts as
// changed: longer than a build or an editor takes between two writes.
const settleTime = 500 * time.Millisecond

// service is a pool with all that is around it: its log, its admin address, its
// signals and the files that it watches.
type service struct {
	flags   *pflag.FlagSet
	command []string
	limit   Limit
	started *Settings // what rota was started with

	sup         *supervisor.Supervisor
	metrics     *admin.Metrics
	admin       *admin.Server
	log         *log
	token       *admin.Token       // nil without any
	certificate *admin.Certificate // nil without any
	reloading   sync.Mutex         // signals and files may ask at the same time
}

// run resolves the settings, runs the pool and returns when it has ended. Bad
// input ends it before anything is started.
func run(ctx context.Context, fs *pflag.FlagSet, command []string, limit Limit) error {
	sv := &service{flags: fs, command: command, limit: limit}
	settings, err := sv.load()
	if err != nil {
		return err
	}
	sv.started = settings
	settings.Config.Policy.Seed = rand.Uint64()
	if sv.log, err = openLog(settings.LogLevel, settings.LogFormat, settings.LogFile); err != nil {
		return err
	}
	defer sv.log.close()
	if sv.token, sv.certificate, err = settings.guards(); err != nil {
		return err
	}
	for _, w := range settings.Warnings {
		sv.log.warn(w)
	}
	access := sv.openAccessLog(settings)
	defer access.close(sv.log.warn)
	failures := newFailures()
	go failures.write(sv.log)
	socket, err := sv.openControl(settings)
	if err != nil {
		return err
	}
	defer socket.Close()
	metrics := admin.NewMetrics(settings.Config.Accept)
	events := journal.New(time.Now())
	recorder := history.New(events, settings.Config.Accept == supervisor.AcceptFront)
	sv.sup, err = supervisor.New(settings.Config, supervisor.Options{
		Environ: workerEnviron(settings, os.Environ()),
		Observe: func(e supervisor.Event) {
			metrics.Observe(e) // first: who reads the log may look at them next
			events.Append(e)
			sv.log.event(e)
			if e.Kind == supervisor.LimitChanged {
				go sv.reload(false, e.Message) // beside the loop, which it asks
			}
			if e.Kind == supervisor.PoolReady {
				// A no-op but under systemd with Type=notify.
				_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
			}
		},
		Answered: func(a front.Answer) {
			metrics.Answered(a)
			recorder.Answered(a)
			access.answered(a)
			failures.answered(a)
		},
		Refused: func(a front.Answer) {
			metrics.Answered(a)
			recorder.Answered(a)
			access.answered(a)
		},
		Stdout: int(os.Stdout.Fd()),
		Stderr: int(os.Stderr.Fd()),
	})
	if err != nil {
		return &ExitError{supervisor.ExitFailed, err}
	}
	defer sv.sup.Sockets().RemoveFiles()
	metrics.Watch(sv.sup)
	sv.metrics = metrics
	sv.admin = admin.New(admin.Options{
		Pool: sv.sup, Operator: changer{sv.sup, sv}, Metrics: metrics, Journal: events, History: recorder, Version: version(), Started: time.Now(),
		Token: sv.token, Certificate: sv.certificate,
		Warn: sv.log.warn, Logs: sv.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	})
	defer sv.admin.End() // who follows the pool learns how it ended
	if err := sv.serveAdmin(settings); err != nil {
		return err
	}
	sv.serveControl(socket)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go sv.signals(ctx, notified())
	go recorder.Run(ctx, sv.sup)
	go access.watch(ctx, sv.log.warn)
	sv.watchFiles(ctx, settings)
	// The pool is ended by signals, not by this context, so that it drains.
	code := sv.sup.Run(context.Background())
	sv.log.info("pool ended", "code", code)
	if code != supervisor.ExitOK {
		return &ExitError{code, fmt.Errorf("the pool has ended (exit code %d)", code)}
	}
	return nil
}

// openAccessLog begins the access log; nil if there is to be none.
func (sv *service) openAccessLog(s *Settings) *accessLog {
	access := newAccessLog(os.Stdout, s.AccessLog)
	if access != nil {
		// Without this a write to standard output ends rota once its reader has
		// gone. Workers do not inherit it: exec undoes it.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	return access
}

// load reads all that may change while rota runs.
func (sv *service) load() (*Settings, error) {
	settings, err := Resolve(sv.flags, sv.command, os.Environ(), sv.limit)
	if err != nil {
		return nil, err
	}
	c := &settings.Config
	if c.Path, err = LookCommand(c.Command, append(WorkerEnviron(os.Environ()), c.Env...)); err != nil {
		return nil, err
	}
	if err := checkWatched(settings.Watch); err != nil {
		return nil, usage(fmt.Errorf("--watch: %w", err))
	}
	if err := checkCapture(c.Capture, true); err != nil {
		return nil, err
	}
	return settings, nil
}

// workerEnviron leaves WEB_CONCURRENCY out where rota has taken it for itself:
// many servers would start as many workers once more in each copy.
func workerEnviron(s *Settings, environ []string) []string {
	environ = WorkerEnviron(environ)
	for _, v := range s.Values {
		if v.Name == "workers" && v.Source == webConcurrency {
			environ = slices.DeleteFunc(environ, func(pair string) bool {
				_, ok := lookup([]string{pair}, webConcurrency)
				return ok
			})
		}
	}
	return environ
}

// notified is where the signals arrive that rota obeys. SIGCHLD is the
// supervisor's.
func notified() chan os.Signal {
	ch := make(chan os.Signal, 16)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP,
		syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	return ch
}

// signals obeys them until ctx ends.
func (sv *service) signals(ctx context.Context, ch chan os.Signal) {
	defer signal.Stop(ch)
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-ch:
			sv.signal(sig)
		}
	}
}

func (sv *service) signal(sig os.Signal) {
	switch sig {
	case syscall.SIGHUP:
		sv.reload(true, "SIGHUP")
	case syscall.SIGUSR1:
		if err := sv.log.reopen(); err != nil {
			sv.log.warn(err.Error())
		} else {
			sv.log.info("log opened anew")
		}
	case syscall.SIGUSR2:
		sv.log.warn("SIGUSR2 is ignored: this version cannot re-execute itself")
	case syscall.SIGTTIN:
		sv.sup.Scale(+1)
	case syscall.SIGTTOU:
		sv.sup.Scale(-1)
	default:
		sv.sup.Stop()
	}
}

// reload reads the configuration again. If it is bad, what was there stays, and
// so does every worker.
func (sv *service) reload(roll bool, reason string) {
	if _, err := sv.take(roll, reason); err != nil {
		sv.log.error("cannot read the configuration again; going on with what there was", "reason", reason, "error", err.Error())
	}
}

// take reads the configuration again and hands it to the pool. id is that of the
// roll that has begun.
func (sv *service) take(roll bool, reason string) (id int, err error) {
	sv.reloading.Lock()
	defer sv.reloading.Unlock()
	settings, err := sv.load()
	sv.metrics.Reloaded(err == nil)
	if err != nil {
		return 0, err
	}
	id, warnings := sv.sup.Reload(settings.Config, roll, reason)
	warnings = append(warnings, sv.readGuards()...)
	for _, w := range append(settings.Warnings, warnings...) {
		sv.log.warn(w)
	}
	sv.log.SetLevel(hclog.LevelFromString(settings.LogLevel))
	for name, same := range map[string]bool{
		"watch":            slices.Equal(settings.Watch, sv.started.Watch),
		"admin":            settings.Admin == sv.started.Admin,
		"admin-token-file": settings.AdminAuth.TokenFile == sv.started.AdminAuth.TokenFile,
		"admin-tls-cert":   settings.AdminAuth.TLSCert == sv.started.AdminAuth.TLSCert,
		"admin-tls-key":    settings.AdminAuth.TLSKey == sv.started.AdminAuth.TLSKey,
		"control":          settings.Control == sv.started.Control,
		"log-format":       settings.LogFormat == sv.started.LogFormat,
		"log-file":         settings.LogFile == sv.started.LogFile,
		"access-log":       settings.AccessLog == sv.started.AccessLog,
	} {
		if !same {
			sv.log.warn(name + " changes with the next start of rota")
		}
	}
	return id, nil
}

// watchFiles follows the configuration file and what --watch names.
func (sv *service) watchFiles(ctx context.Context, s *Settings) {
	follow := func(paths []string, changed func(path string)) {
		if len(paths) == 0 {
			return
		}
		go func() {
			if err := Watch(ctx, paths, settleTime, changed); err != nil {
				sv.log.warn(err.Error())
			}
		}()
	}
	if s.ConfigFile != "" {
		follow([]string{s.ConfigFile}, func(path string) { sv.reload(false, path+" changed") })
	}
	follow(s.Watch, func(path string) { sv.sup.Roll(path + " changed") })
}
