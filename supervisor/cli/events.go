package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

func newEvents() *cobra.Command {
	format, follow, since := asText, false, time.Duration(0)
	cmd := newOperator(&cobra.Command{
		Use:   "events [flags]",
		Short: "show what happened in a running pool, and what happens",
		Long: `rota events shows what happened in a running pool, as its log does: every start,
cycle, roll and end of a worker, with its cause and the numbers behind it. rota
keeps the last thousands of events. With -f it goes on with those to come, and
takes up where it was if the connection breaks.`,
		Example: "  rota events --since 10m\n  rota events -f\n  rota events -f -o json | jq -r 'select(.kind == \"cycle began\") | .reason'",
		Args:    noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		asked := api.Asked{Follow: follow}
		if since > 0 {
			asked.Since = time.Now().Add(-since)
		}
		return o.events(ctx, asked, format)
	})
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens from now on")
	cmd.Flags().Var(spanValue{&since}, "since", "only what happened within this time, like 10m (all that is kept)")
	cmd.Flags().VarP(choiceValue{&format, []string{asText, asJSON}}, "output", "o", "lines like those of the log, or JSON objects, one a line")
	return cmd
}

// events writes a line for each event.
func (o *operator) events(ctx context.Context, asked api.Asked, format string) error {
	options := o.screen.options()
	f := &follower{
		client: o.client, asked: asked,
		gap:  func() { fmt.Fprintln(o.notes, "rota: some events before these are not kept any more") },
		anew: func() { fmt.Fprintln(o.notes, "rota: it was started anew; these are the events of the new one") },
		each: func(e *api.Event) error {
			line := view.Event(e, options)
			if format == asJSON {
				text, err := json.Marshal(e)
				if err != nil {
					return err
				}
				line = string(o.screen.json(text))
			}
			if _, err := fmt.Fprintln(o.screen.out, line); err != nil {
				return fmt.Errorf("cannot write the events: %w", err)
			}
			return nil
		},
	}
	return f.run(ctx)
}
