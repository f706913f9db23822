package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/control"
)

func newStop() *cobra.Command {
	w := &waiting{}
	cmd := newOperator(&cobra.Command{
		Use:   "stop [flags]",
		Short: "drain every worker of a running pool, and end it",
		Long: `rota stop asks the running pool to finish all requests and to end, as SIGTERM
does; a second time it ends at once. With --wait it returns once rota has ended:
with 0 then, with 124 if --timeout has passed: it goes on ending.`,
		Example: "  rota stop\n  rota stop --wait --timeout 1m",
		Args:    noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		ctx, cancel := w.context(ctx)
		defer cancel()
		err := stop(ctx, o.client, w.wait)
		if err != nil && context.Cause(ctx) == errWaitOver {
			err = errWaitOver
		}
		return w.timedOut(err, "rota is", "rota status, rota stop (a second time: at once)")
	})
	w.add(cmd, "rota has ended")
	cmd.Flag("wait").Usage = "wait until rota has ended"
	return cmd
}

// stop asks for the end of a pool, and waits for it if asked to.
func stop(ctx context.Context, client *api.Client, wait bool) error {
	ended := func(context.Context) error { return nil }
	if wait {
		var err error
		if ended, err = untilEnd(client.Socket()); err != nil {
			return &api.Unreachable{Socket: client.Socket(), Err: err}
		}
	}
	if err := client.Stop(ctx); err != nil {
		return err
	}
	return ended(ctx)
}

// lookAgain is how often it is looked whether a pool has ended of which no more
// than its socket is known.
const lookAgain = 50 * time.Millisecond

// untilEnd makes what waits for the end of the rota behind a socket: of its process,
// where that can be seen, since what it listens on is free only then; else, as from
// outside of its container, of its socket.
func untilEnd(socket string) (func(context.Context) error, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	peer, err := control.PeerOf(conn.(*net.UnixConn))
	conn.Close()
	pidfd := -1
	if err == nil && peer.PID > 0 {
		if pidfd, err = unix.PidfdOpen(peer.PID, 0); err != nil {
			pidfd = -1
		}
	}
	return func(ctx context.Context) error {
		if pidfd >= 0 {
			defer unix.Close(pidfd)
		}
		for ctx.Err() == nil {
			if pidfd < 0 {
				conn, err := net.Dial("unix", socket)
				if err != nil {
					return nil
				}
				conn.Close()
				select {
				case <-time.After(lookAgain):
				case <-ctx.Done():
				}
				continue
			}
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(lookAgain.Milliseconds()))
			if n > 0 {
				return nil
			}
			if err != nil && err != unix.EINTR {
				return fmt.Errorf("cannot wait for the end of rota: %w", err)
			}
		}
		return ctx.Err()
	}, nil
}
