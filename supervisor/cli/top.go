package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/control"
	"rota/supervisor/cli/top"
)

// newTop makes the command for the full-screen view.
func newTop() *cobra.Command {
	return newOperator(&cobra.Command{
		Use:   "top [flags]",
		Short: "watch a running pool full-screen, and act on it",
		Long: `rota top shows a running pool on the whole terminal, anew each second: its
memory, requests and verdict, each worker, the memory of the selected one over
time, and what happens. Keys sort, explain, cycle, roll and scale; what changes
the pool asks first. ? shows them all.

It connects again by itself when the pool is restarted. NO_COLOR is heeded.`,
		Example: "  rota top\n  rota top --control /run/rota/1.sock\n  docker exec -it web rota top",
		Args:    noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		find := func() (*api.Client, error) { return control.Find(o.control) }
		err := top.Run(ctx, find, os.Stdin, os.Stdout, os.Getenv)
		var stopped *top.Stopped
		switch {
		case errors.Is(err, top.ErrNoTerminal):
			return usage(err)
		case errors.As(err, &stopped):
			return &ExitError{exitSignal + int(stopped.Signal), errors.New("")}
		}
		return err
	})
}
