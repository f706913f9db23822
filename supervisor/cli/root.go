package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"rota/procstats"
	"rota/supervisor"
)

// Main runs rota with the arguments after its name and returns its exit code.
func Main(args []string) int {
	root := newRoot()
	prepareCompletion(root, args)
	root.SetArgs(lessFlags(root, args))
	return exitCode(root.ExecuteContext(context.Background()), os.Stderr)
}

// exitCode prints what went wrong, on one line, and gives its code.
func exitCode(err error, w io.Writer) int {
	if err == nil {
		return supervisor.ExitOK
	}
	code := supervisor.ExitFailed
	var with *ExitError
	if errors.As(err, &with) {
		code = with.Code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(w, "rota: %s\n", text)
	}
	return code
}

func newRoot() *cobra.Command {
	limit := containerLimit
	root := &cobra.Command{
		Use:   "rota [flags] -- COMMAND [ARG...]",
		Short: "run N copies of an HTTP server and replace each before it grows too large",
		Long: `rota runs N copies of any HTTP server behind one address, watches what each
really costs in memory, and replaces each by a fresh one, on memory, on age or
on a schedule, while the requests in flight finish.`,
		Example: "  rota -w 3 --max-memory 200MiB --restart-interval 12h -- python3 app.py\n" +
			"  rota -l :8080 --restart-cron \"0 4 * * *\" -- gunicorn app:app",
		Args: cobra.ArbitraryArgs, // commandAfterDash has the better message
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && cmd.ArgsLenAtDash() < 0 && !anySetting(cmd) && os.Getenv("ROTA_CONFIG") == "" {
				return cmd.Help()
			}
			command, err := commandAfterDash(cmd, args)
			if err != nil {
				return err
			}
			return run(cmd.Context(), cmd.Flags(), command, limit)
		},
		Version:               version(),
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetVersionTemplate("rota {{.Version}}\n")
	addFlags(root.Flags())
	addGroup(root, "Look at a running pool", newStatus(), newTop(), newExplain(), newEvents(), newHistory(), newHealthcheck())
	addGroup(root, "Change it", newRoll(), newCycle(), newScale(), newStop())
	addGroup(root, "Set up and try", newCheck(limit), newCompletion(), newDemo(), newDemoServer())
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	setHelp(root)
	return root
}

// addGroup adds commands under a heading of the help.
func addGroup(root *cobra.Command, heading string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: heading, Title: heading})
	for _, c := range commands {
		c.GroupID = heading
	}
	root.AddCommand(commands...)
}

// anySetting tells whether a flag was given: `rota` alone asks for help, while
// `rota -w 3` forgot the command.
func anySetting(cmd *cobra.Command) bool {
	for _, v := range settings(cmd.Flags()) {
		if len(v.texts) > 0 {
			return true
		}
	}
	return false
}

// containerLimit is the least memory limit of the container that rota runs in.
// A file that cannot be read is no limit: what depends on one says so itself.
func containerLimit() (bytes int64, source string) {
	limit, err := procstats.Host.MemoryLimit()
	if err != nil {
		return 0, ""
	}
	return limit.Bytes, limit.Source
}
