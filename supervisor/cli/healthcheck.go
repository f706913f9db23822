package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/admin/control"
)

// exitUnhealthy is what a container's HEALTHCHECK takes for ill. Docker has no use
// for any other code.
const exitUnhealthy = 1

// newHealthcheck makes the command for images without curl.
func newHealthcheck() *cobra.Command {
	var socket string
	var all bool
	timeout := timeFlag(5 * time.Second)
	cmd := &cobra.Command{
		Use:   "healthcheck [flags]",
		Short: "exit with 0 if the pool serves, else with 1",
		Long: "healthcheck asks the running pool whether it serves, for images without curl. It\n" +
			"exits with 0 while at least one worker is ready and rota was not asked to end,\n" +
			"and with 1 otherwise, as HEALTHCHECK of a Dockerfile wants it.",
		Example: "  rota healthcheck\n  rota healthcheck --all --timeout 2s\n  HEALTHCHECK CMD [\"rota\", \"healthcheck\"]",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Duration(timeout))
			defer cancel()
			client, err := control.Find(socket)
			if err == nil {
				err = client.Health(ctx, all)
			}
			var ill *api.Error
			switch {
			case err == nil:
				fmt.Fprintln(cmd.OutOrStdout(), "ok")
				return nil
			case errors.As(err, &ill):
				err = fmt.Errorf("not healthy: %s", ill.Message)
			case ctx.Err() != nil:
				err = fmt.Errorf("not healthy: no answer from %s within %s", client.Socket(), timeout.String())
			}
			return &ExitError{exitUnhealthy, err}
		},
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
	}
	cmd.Flags().BoolVar(&all, "all", false, "only if all workers that are wanted are ready")
	cmd.Flags().Var(&timeout, "timeout", "most that the answer may take")
	socketFlag(cmd, &socket)
	setHelp(cmd)
	return cmd
}

// socketFlag adds the flag that says which pool is meant.
func socketFlag(cmd *cobra.Command, socket *string) {
	cmd.Flags().StringVar(socket, "control", "", "`PATH` of the pool's control socket (default $"+control.Variable+", else that of the one pool that runs)")
}

// timeFlag is a duration as all of rota's flags have them.
type timeFlag time.Duration

func (f *timeFlag) String() string { return formatDuration(time.Duration(*f)) }
func (f *timeFlag) Type() string   { return "TIME" }
func (f *timeFlag) Set(text string) error {
	d, err := ParseDuration(text)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is too short", text)
	}
	if err == nil {
		*f = timeFlag(d)
	}
	return err
}
