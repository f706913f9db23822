package cli

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nextTimes is how many times of a cron expression are shown: enough for a week
// of working days.
const nextTimes = 5

// newCheck makes the command that shows what a run with the same arguments
// would do, and ends as that would if it cannot.
func newCheck(limit Limit) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check [flags] [-- COMMAND [ARG...]]",
		Short:   "check all settings, and show each with its source",
		Example: "  rota check --config rota.yaml\n  rota check -w 3 --max-memory 40% -- python3 app.py",
		Args:    cobra.ArbitraryArgs, // commandAfterDash has the better message
		RunE: func(cmd *cobra.Command, args []string) error {
			command, err := commandAfterDash(cmd, args)
			if err != nil {
				return err
			}
			return check(cmd.OutOrStdout(), cmd.Flags(), command, os.Environ(), limit, time.Now())
		},
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
	}
	addFlags(cmd.Flags())
	setHelp(cmd)
	return cmd
}

// check resolves the settings and writes them down.
func check(w io.Writer, fs *pflag.FlagSet, command, environ []string, limit Limit, now time.Time) error {
	s, err := Resolve(fs, command, environ, limit)
	if err != nil {
		return err
	}
	if _, err := LookCommand(s.Config.Command, append(WorkerEnviron(environ), s.Config.Env...)); err != nil {
		return err
	}
	if err := checkWatched(s.Watch); err != nil {
		return usage(fmt.Errorf("--watch: %w", err))
	}
	if err := checkCapture(s.Config.Capture, false); err != nil {
		return err
	}
	if _, _, err := s.guards(); err != nil {
		return err
	}
	return s.write(w, now)
}

// write prints the settings as a table, then the warnings, then the next times
// of the cron expression.
func (s *Settings) write(w io.Writer, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tSOURCE")
	for _, v := range s.Values {
		fmt.Fprintf(table, "%s\t%s\t%s\n", v.Name, v.Value, v.Source)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot write the settings: %w", err)
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "\nwarning: %s\n", warning)
	}
	if s.Config.Policy.Cron == nil {
		return nil
	}
	fmt.Fprintf(w, "\nThe next times of %q:\n", s.Config.Policy.Cron)
	for range nextTimes {
		now = s.Config.Policy.Cron.Next(now)
		fmt.Fprintf(w, "  %s\n", now.Format("Mon 2006-01-02 15:04 MST (-07:00)"))
	}
	return nil
}
