package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth fits the narrowest terminal that is still in use.
const helpWidth = 80

// Commands are listed as they are added: what is used most comes first.
func init() { cobra.EnableCommandSorting = false }

// setHelp gives a command, and those under it, a help in which the flags stand
// under headings, and makes its wrong flags usage errors.
func setHelp(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetUsageFunc(func(c *cobra.Command) error {
		writeUsage(c.OutOrStderr(), c)
		return nil
	})
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) {
		about := c.Long
		if about == "" {
			about = c.Short
		}
		fmt.Fprintf(c.OutOrStdout(), "%s\n\n", strings.TrimSpace(about))
		writeUsage(c.OutOrStdout(), c)
	})
}

// writeUsage prints how a command is called: its line, its commands, its flags.
func writeUsage(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "Usage:\n  %s\n", c.UseLine())
	writeCommands(w, c)
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.TrimRight(c.Example, "\n"))
	}
	writeFlags(w, c.Flags())
	if len(settings(c.Flags())) > 0 {
		fmt.Fprint(w, "\nEach flag is also a variable, as --max-memory is ROTA_MAX_MEMORY, and a key of\nthe --config file. A flag wins over the variable, and that over the file.\n")
	}
}

// writeCommands prints the commands under one, under the headings of their groups.
func writeCommands(w io.Writer, c *cobra.Command) {
	width, heading := 0, "no group's"
	for _, sub := range c.Commands() {
		width = max(width, len(sub.Name()))
	}
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if sub.GroupID != heading {
			heading = sub.GroupID
			fmt.Fprintf(w, "\n%s:\n", cmp.Or(heading, "Commands"))
		}
		fmt.Fprintf(w, "  %s %-*s  %s\n", c.CommandPath(), width, sub.Name(), sub.Short)
	}
}

// writeFlags prints a set of flags under the headings of their groups; what is
// no setting, like --help, comes last.
func writeFlags(w io.Writer, fs *pflag.FlagSet) {
	byGroup := map[string]*pflag.FlagSet{}
	const others = "Other flags"
	order := append(groups[:len(groups):len(groups)], others)
	for _, group := range order {
		byGroup[group] = pflag.NewFlagSet(group, pflag.ContinueOnError)
		byGroup[group].SortFlags = false
	}
	fs.VisitAll(func(f *pflag.Flag) {
		group := others
		if v, ok := f.Value.(*flagValue); ok {
			group = v.setting.group
		}
		byGroup[group].AddFlag(f)
	})
	if len(settings(fs)) == 0 {
		byGroup["Flags"] = byGroup[others]
		order = []string{"Flags"}
	}
	for _, group := range order {
		if byGroup[group].HasAvailableFlags() {
			fmt.Fprintf(w, "\n%s:\n%s", group, byGroup[group].FlagUsagesWrapped(helpWidth))
		}
	}
}
