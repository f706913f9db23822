package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/control"
)

// exitStopTimeout is timeout(1)'s code for what has not ended in time.
const exitStopTimeout = 124

// newStop makes the command that ends a pool.
func newStop() *cobra.Command {
	var socket string
	var wait bool
	timeout := timeFlag(0)
	cmd := &cobra.Command{
		Use:   "stop [flags]",
		Short: "drain every worker of the pool, and end it",
		Long: "stop asks the running pool to finish all requests and to end, as SIGTERM does. A\n" +
			"second time it ends at once. With --wait it returns when rota has ended, and with\n" +
			"124 if that takes longer than --timeout.",
		Example: "  rota stop\n  rota stop --wait --timeout 1m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if timeout > 0 {
				limited, cancel := context.WithTimeout(ctx, time.Duration(timeout))
				defer cancel()
				ctx = limited
			}
			client, err := control.Find(socket)
			if err != nil {
				return &ExitError{exitNoPool, err}
			}
			err = stop(ctx, client, wait)
			var unreachable *api.Unreachable
			switch {
			case err != nil && ctx.Err() != nil:
				return &ExitError{exitStopTimeout, fmt.Errorf("rota at %s has not ended within %s", client.Socket(), timeout.String())}
			case errors.As(err, &unreachable):
				return &ExitError{exitNoPool, err}
			case err != nil:
				return &ExitError{exitUnhealthy, err}
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "return when rota has ended")
	cmd.Flags().Var(&timeout, "timeout", "most that this may take (default for as long as it takes)")
	cmd.Flag("timeout").DefValue = ""
	socketFlag(cmd, &socket)
	setHelp(cmd)
	return cmd
}

// exitNoPool is the code of commands that find nobody to ask.
const exitNoPool = 4

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
