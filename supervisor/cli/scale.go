package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rota/supervisor"
	"rota/supervisor/admin/api"
	"rota/supervisor/cli/view"
)

func newScale() *cobra.Command {
	w := &waiting{}
	to := amount{}
	cmd := newOperator(&cobra.Command{
		Use:   "scale N|+N|-N [flags]",
		Short: "change the number of workers of a running pool",
		Long: `rota scale changes the number of workers, to N or by it. It stays so until
--workers itself is changed or rota starts anew. With --wait it ends with 0 once
so many are ready and those too many have gone, 1 if another number was asked
for meanwhile, 124 if --timeout has passed: the pool goes on then.`,
		Example: "  rota scale 6\n  rota scale +1 --wait\n  rota scale -1",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := oneArgument("the number of workers", "rota scale 6")(cmd, args); err != nil {
				return err
			}
			var err error
			to, err = parseAmount(args[0])
			return usage(err)
		},
	}, func(ctx context.Context, o *operator, _ []string) error {
		ctx, cancel := w.context(ctx)
		defer cancel()
		before, err := o.client.Status(ctx)
		if err != nil {
			return w.unanswered(err)
		}
		n := to.of(before.Desired)
		if n < 1 || n > supervisor.MostWorkers {
			return usage(fmt.Errorf("that would be %d workers, from %d: want 1 to %d", n, before.Desired, supervisor.MostWorkers))
		}
		scaled, err := o.client.Scale(ctx, n)
		if err != nil {
			return w.unanswered(err)
		}
		if err := o.tell("%s wanted, %d before", view.Count(scaled.Workers, "worker"), scaled.Before); err != nil || !w.wait {
			return err
		}
		return o.waitForScale(ctx, w, scaled.Workers, before.Time)
	})
	w.add(cmd, "so many are ready")
	return cmd
}

// amount is a number of workers, or a change of it.
type amount struct {
	n        int
	relative bool
}

func (a amount) of(now int) int {
	if a.relative {
		return now + a.n
	}
	return a.n
}

// less stands for a minus in front of a number on the command line, which pflag
// would take for a flag: U+2212.
const less = "\u2212"

// lessFlags makes `rota scale -2` what it looks like.
func lessFlags(root *cobra.Command, args []string) []string {
	if cmd, _, err := root.Find(args); err != nil || cmd.Name() != "scale" {
		return args
	}
	changed := append([]string{}, args...)
	for i, arg := range changed {
		if _, err := strconv.Atoi(arg); err == nil && strings.HasPrefix(arg, "-") {
			changed[i] = less + arg[1:]
		}
	}
	return changed
}

// parseAmount reads 6, +1 and -1.
func parseAmount(text string) (amount, error) {
	text = strings.Replace(text, less, "-", 1)
	n, err := strconv.Atoi(text)
	a := amount{n, strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-")}
	if err != nil || n > supervisor.MostWorkers || n < -supervisor.MostWorkers || !a.relative && n < 1 || a.relative && n == 0 {
		return amount{}, fmt.Errorf("%q is no number of workers: want 1 to %d, or a change like +1 or -1", text, supervisor.MostWorkers)
	}
	return a, nil
}

// waitForScale waits until n workers are ready, and no others are left.
func (o *operator) waitForScale(ctx context.Context, w *waiting, n int, since time.Time) error {
	ready := -1
	settled := func(ctx context.Context) (bool, error) {
		s, err := o.client.Status(ctx)
		switch {
		case err != nil:
			return false, err
		case s.Desired != n:
			return false, fmt.Errorf("somebody else has scaled the pool, to %s", view.Count(s.Desired, "worker"))
		case s.Phase == api.PhaseStopping:
			return false, supervisor.ErrStopping
		}
		if s.Ready != ready {
			ready = s.Ready
			if err := o.tell("%d of %d ready", s.Ready, n); err != nil {
				return false, err
			}
		}
		return s.Ready == n && s.Alive == n, nil
	}
	return w.timedOut(o.watch(ctx, since, o.worry, settled), fmt.Sprintf("scaling to %s is", view.Count(n, "worker")), "rota status")
}
