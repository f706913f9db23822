package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/control"
	"rota/supervisor/cli/view"
)

// operator is a command that asks a running pool.
type operator struct {
	control string // --control
	client  *api.Client
	screen  display
	notes   io.Writer // what is no part of the result
}

// newOperator makes such a command. do gets a client and a screen, and a context
// that a signal ends.
func newOperator(cmd *cobra.Command, do func(ctx context.Context, o *operator, args []string) error) *cobra.Command {
	o := &operator{}
	cmd.Flags().StringVar(&o.control, "control", "", "socket of the pool (ROTA_CONTROL, else the one that runs)")
	cmd.Flag("control").Value = pathValue{cmd.Flag("control").Value}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := control.CheckPath(o.control); err != nil {
			return usage(fmt.Errorf("--control: %w", err))
		}
		client, err := control.Find(o.control)
		if err != nil {
			return &ExitError{exitUnreachable, err}
		}
		o.client, o.screen, o.notes = client, newDisplay(cmd.OutOrStdout(), os.LookupEnv), cmd.ErrOrStderr()
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		return outcome(ctx, do(ctx, o, args))
	}
	cmd.DisableFlagsInUseLine = true // they say [flags] where it helps
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd
}

// outcome gives an error its exit code: that of the signal that ended a command,
// or of what the pool said.
func outcome(ctx context.Context, err error) error {
	var with *ExitError
	var unreachable *api.Unreachable
	var refused *api.Error
	switch {
	case err == nil:
		return nil
	case errors.As(context.Cause(ctx), &with): // before what came of it
		return with
	case errors.As(err, &with):
		return err
	case errors.As(err, &unreachable):
		return &ExitError{exitUnreachable, err}
	case errors.As(err, &refused):
		return &ExitError{exitRefused, errors.New(view.Clean(refused.Message))}
	}
	return &ExitError{exitRefused, err}
}

// interruptible ends a context with a signal; its cause is then an ExitError
// without a text and with the code that shells have for it, as if the signal had
// ended the command, which restores the terminal first.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case sig := <-signals:
			cancel(&ExitError{exitSignal + int(sig.(syscall.Signal)), errors.New("")})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// noArguments and oneArgument refuse arguments before anything is asked.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	hint := didYouMean(args[0], names, "%s")
	if hint == "" {
		hint = fmt.Sprintf(" (see %s --help)", cmd.CommandPath())
	}
	return usage(fmt.Errorf("unexpected argument %q%s", args[0], hint))
}

func oneArgument(what, example string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return usage(fmt.Errorf("%s is missing, as in %s", what, example))
		}
		return usage(fmt.Errorf("unexpected argument %q: one %s at a time, as in %s", args[1], what, example))
	}
}
