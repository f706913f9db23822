package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

// How status and events may be written.
const (
	asTable = "table"
	asWide  = "wide"
	asText  = "text"
	asJSON  = "json"
)

// watchInterval is how often status --watch looks.
const watchInterval = 2 * time.Second

func newStatus() *cobra.Command {
	format, watch := asTable, time.Duration(0)
	cmd := newOperator(&cobra.Command{
		Use:   "status [flags]",
		Short: "show the workers of a running pool, and what they cost",
		Long: `rota status shows each worker of a running pool with its memory, and what holds
for all of them. The total counts memory that workers share once (PSS), private
memory is what would be free without a worker, BUSY is its requests in flight,
TO LIMIT when it will be at the pool's limit if it goes on growing. Columns that
have no room are left out, the least important first; -o wide has them all.

It ends with 0 if all workers are ready, 3 if not, 4 if no pool answers.`,
		Example: "  rota status\n  rota status --watch 5s\n  rota status -o json | jq '.workers[].memory.private_bytes'",
		Args: func(cmd *cobra.Command, args []string) error {
			// A flag with a value of its own leaves that of --watch 5s behind.
			if len(args) == 1 && watch > 0 && (spanValue{&watch}).Set(args[0]) == nil {
				return nil
			}
			return noArguments(cmd, args)
		},
	}, func(ctx context.Context, o *operator, _ []string) error {
		if watch > 0 {
			return o.watchStatus(ctx, format, watch)
		}
		text, status, err := o.status(ctx, format)
		if err != nil {
			return err
		}
		if _, err := o.screen.out.Write(text); err != nil {
			return fmt.Errorf("cannot write the status: %w", err)
		}
		return readiness(status)
	})
	cmd.Flags().VarP(choiceValue{&format, []string{asTable, asWide, asJSON}}, "output", "o", "a table that fits the terminal, all of its columns, or the JSON of GET /v1/status")
	cmd.Flags().Var(spanValue{&watch}, "watch", "show it again and again, as --watch 5s")
	cmd.Flag("watch").NoOptDefVal = watchInterval.String()
	return cmd
}

// status is the pool's, and how it is to be shown.
func (o *operator) status(ctx context.Context, format string) ([]byte, *api.Status, error) {
	status, text, err := o.client.StatusJSON(ctx)
	if err != nil {
		return nil, nil, err
	}
	if format == asJSON {
		return o.screen.json(text), status, nil
	}
	options := o.screen.options()
	options.All = format == asWide
	return []byte(view.Status(status, options)), status, nil
}

// readiness is the exit code that a status stands for.
func readiness(s *api.Status) error {
	if s.Phase == api.PhaseReady {
		return nil
	}
	return &ExitError{exitDegraded, errors.New("")} // the status has said it
}
