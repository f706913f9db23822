package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

func newHistory() *cobra.Command {
	csv, since := false, time.Duration(0)
	cmd := newOperator(&cobra.Command{
		Use:   "history [flags]",
		Short: "show the memory of a running pool over time",
		Long: `rota history shows each slot's private memory over time, all to one scale, with
its least and most, and the cycles within that time. rota keeps the last hours,
the last minutes finely. --csv is all of it for a spreadsheet, in bytes.`,
		Example: "  rota history --since 30m\n  rota history --csv > memory.csv",
		Args:    noArguments,
	}, func(ctx context.Context, o *operator, _ []string) error {
		var from time.Time
		if since > 0 {
			from = time.Now().Add(-since)
		}
		if csv {
			return o.client.Copy(ctx, o.screen.out, historyPath(from, url.Values{"format": {"csv"}}))
		}
		h, err := o.history(ctx, from)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(o.screen.out, view.History(h, o.screen.options()))
		return err
	})
	cmd.Flags().BoolVar(&csv, "csv", false, "every point, as comma-separated values")
	cmd.Flags().Var(spanValue{&since}, "since", "only the time since then, like 30m (all that is kept)")
	return cmd
}

func historyPath(since time.Time, query url.Values) string {
	if !since.IsZero() {
		query.Set("since", since.Format(time.RFC3339Nano))
	}
	return "/v1/history?" + query.Encode()
}

// history is what is drawn in a terminal: no finer than that can show, since a day
// of a large pool, second by second, is many megabytes.
func (o *operator) history(ctx context.Context, since time.Time) (*api.History, error) {
	status, err := o.client.Status(ctx)
	if err != nil {
		return nil, err
	}
	from := since
	if from.Before(status.StartedAt) {
		from = status.StartedAt
	}
	step := "1"
	switch span := time.Since(from); {
	case span > 3*time.Hour:
		step = "60"
	case span > 15*time.Minute:
		step = "10"
	}
	var body bytes.Buffer
	if err := o.client.Copy(ctx, &body, historyPath(since, url.Values{"step": {step}})); err != nil {
		return nil, err
	}
	h := new(api.History)
	if err := json.Unmarshal(body.Bytes(), h); err != nil {
		return nil, fmt.Errorf("cannot read the history of rota at %s (is it of another version?): %w", o.client.Socket(), err)
	}
	return h, nil
}
