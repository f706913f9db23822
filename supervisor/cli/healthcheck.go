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

func newHealthcheck() *cobra.Command {
	all, timeout := false, 5*time.Second
	cmd := newOperator(&cobra.Command{
		Use:   "healthcheck [flags]",
		Short: "end with 0 if the running pool serves, else with 1",
		Long: `rota healthcheck asks the running pool whether it serves, for images without
curl. It ends with 0 while at least one worker is ready and rota was not asked
to end, and with 1 otherwise, as the HEALTHCHECK of a Dockerfile wants it.`,
		Example: "  rota healthcheck\n  rota healthcheck --all --timeout 2s\n" +
			"in a Dockerfile:\n  HEALTHCHECK CMD [\"/rota\", \"healthcheck\"]",
		Args: noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		ctx, cancel := context.WithTimeoutCause(ctx, timeout, errWaitOver)
		defer cancel()
		err := o.client.Health(ctx, all)
		var ill *api.Error
		switch {
		case errors.As(err, &ill):
			return fmt.Errorf("not healthy: %s", view.Clean(ill.Message))
		case err != nil && context.Cause(ctx) == errWaitOver:
			return fmt.Errorf("not healthy: no answer from %s within %s", o.client.Socket(), formatDuration(timeout))
		case err != nil:
			return err
		}
		return o.tell("ok")
	})
	cmd.Flags().BoolVar(&all, "all", false, "only if as many workers are ready as are wanted")
	cmd.Flags().Var(spanValue{&timeout}, "timeout", "most that the answer may take")
	ask := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// Containers know well and ill, and have no use for another code.
		if err := ask(cmd, args); err != nil {
			return &ExitError{exitRefused, err}
		}
		return nil
	}
	return cmd
}
