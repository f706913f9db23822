package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rota/listener"
	"rota/listener/front"
	"rota/supervisor"
	"rota/supervisor/admin"
	"rota/supervisor/admin/history"
	"rota/supervisor/admin/journal"
)

// What the demo runs: each worker reaches its limit in about ten seconds,
// so that every few seconds one is replaced.
const (
	demoWorkers = 3
	demoLimit   = "64MiB"
	demoLeak    = 192 << 10 // bytes a request
	demoRate    = 100       // requests a second
)

func newDemo() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo [flags]",
		Short: "run a leaking server under load and watch rota keep it small",
		Long: `rota demo runs a pool of three leaking HTTP servers, which are built into rota,
under a load of its own on loopback, and shows how each is replaced before it
grows too large. It ends with a summary, and with exit code 1 if any request
failed.`,
		Example:               "  rota demo\n  rota demo --duration 20s",
		Args:                  cobra.NoArgs,
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	cmd.Flags().DurationVar(&d.duration, "duration", time.Minute, "how long the load lasts")
	cmd.Flags().IntVar(&d.rate, "rate", demoRate, "requests a second, each on a new connection")
	cmd.Flags().StringVar(&d.admin, "admin", "127.0.0.1:0", "health and metrics")
	return cmd
}

// demo is one run of it.
type demo struct {
	duration time.Duration
	rate     int
	admin    string
}

func (d *demo) run(ctx context.Context, out io.Writer) error {
	if d.duration <= 0 || d.rate < 1 || d.rate > 10000 {
		return usage(fmt.Errorf("a load of %d requests a second for %s is none: want 1 to 10000, and a positive duration", d.rate, d.duration))
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	settings, err := demoSettings()
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return &ExitError{supervisor.ExitFailed, err}
	}
	// An address of its own lets the demo run where the kernel refuses to have
	// sockets adopted; its server takes the inherited one then.
	address, err := listener.ParseAddress("127.0.0.1:" + strconv.Itoa(port))
	if err != nil {
		return err
	}
	settings.Config.Listen = []listener.Address{address}
	settings.Config.Env = []string{"PORT=" + strconv.Itoa(port)}
	os.Unsetenv("LISTEN_FDS") // sockets that are not the demo's

	screen := newScreen(out, isatty.IsTerminal(os.Stdout.Fd()))
	metrics := admin.NewMetrics(settings.Config.Accept)
	events := journal.New(time.Now())
	recorder := history.New(events, settings.Config.Accept == supervisor.AcceptFront)
	ready := make(chan struct{})
	sup, err := supervisor.New(settings.Config, supervisor.Options{
		Environ: WorkerEnviron(os.Environ()),
		Observe: func(e supervisor.Event) {
			metrics.Observe(e)
			events.Append(e)
			screen.observe(e)
			if e.Kind == supervisor.PoolReady {
				close(ready)
			}
		},
		Answered: func(a front.Answer) {
			metrics.Answered(a)
			recorder.Answered(a)
		},
		Stdout: int(os.Stdout.Fd()),
		Stderr: int(os.Stderr.Fd()),
	})
	if err != nil {
		return &ExitError{supervisor.ExitFailed, err}
	}
	metrics.Watch(sup)
	l, err := net.Listen("tcp", d.admin)
	if err != nil {
		return &ExitError{supervisor.ExitFailed, fmt.Errorf("cannot listen for --admin: %w", err)}
	}
	defer l.Close()
	server := admin.New(admin.Options{Pool: sup, Metrics: metrics, Journal: events, History: recorder, Version: version(), Started: time.Now()})
	defer server.End()
	go func() { _ = server.Serve(l) }()
	go recorder.Run(ctx, sup)

	ended := make(chan int, 1)
	go func() { ended <- sup.Run(context.Background()) }()
	select {
	case <-ready:
	case <-ctx.Done():
		sup.Stop()
		<-ended
		return nil
	case code := <-ended:
		return screen.ended(code)
	}
	screen.open(l.Addr().String(), d)
	load := newDemoLoad(fmt.Sprintf("http://127.0.0.1:%d/", port))
	watched := make(chan struct{})
	loadCtx, cancel := context.WithTimeout(ctx, d.duration)
	defer cancel()
	go func() {
		defer close(watched)
		screen.watch(loadCtx, sup, load)
	}()
	load.run(loadCtx, d.rate)
	<-watched
	sup.Stop()
	if code := <-ended; code != 0 {
		return screen.ended(code)
	}
	screen.summary(load)
	if load.failed.Load() > 0 {
		return &ExitError{1, errors.New("requests have failed")}
	}
	return nil
}

// demoSettings are what `rota -w 3 --max-memory 64MiB` would resolve to.
func demoSettings() (*Settings, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find rota's own program: %w", err)
	}
	fs := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	addFlags(fs)
	if err := fs.Parse([]string{"-w", strconv.Itoa(demoWorkers), "--max-memory", demoLimit}); err != nil {
		return nil, err
	}
	settings, err := Resolve(fs, []string{self, "demo-server", "--leak", strconv.Itoa(demoLeak)}, nil, containerLimit)
	if err != nil {
		return nil, err
	}
	settings.Config.Path = self
	settings.Config.Policy.Seed = rand.Uint64()
	return settings, nil
}

// freePort finds a port on loopback that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("cannot find a free port on loopback: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
