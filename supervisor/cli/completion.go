package cli

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rota/supervisor/admin/control"
)

// askedFor is how long a pool may take to name its slots: somebody has pressed a
// key and waits.
const askedFor = 300 * time.Millisecond

// withoutPackage is what bash needs where its package bash-completion is missing.
//
//go:embed completion.bash
var withoutPackage string

// shells are those that there is a completion for.
var shells = []string{"bash", "zsh", "fish"}

// newCompletion makes the command that writes a shell's completion.
func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "write the completion of a shell",
		Long: `rota completion writes a script that completes rota's commands, flags and their
values in a shell, and the slots of the pool that runs.`,
		Example: "  source <(rota completion bash)\n" +
			"  rota completion bash > /etc/bash_completion.d/rota\n" +
			"  rota completion zsh > \"${fpath[1]}/_rota\"\n" +
			"  rota completion fish > ~/.config/fish/completions/rota.fish",
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usage(fmt.Errorf("completion: want the name of a shell, one of %s", strings.Join(shells, ", ")))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var script bytes.Buffer
			err := writeCompletion(cmd.Root(), args[0], &script)
			if err == nil {
				_, err = cmd.OutOrStdout().Write(script.Bytes())
			}
			if err != nil {
				return fmt.Errorf("cannot write the completion: %w", err)
			}
			return nil
		},
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
	}
}

func writeCompletion(root *cobra.Command, shell string, to *bytes.Buffer) error {
	switch shell {
	case "zsh":
		return root.GenZshCompletion(to)
	case "fish":
		return root.GenFishCompletion(to, true)
	}
	if err := root.GenBashCompletionV2(to, true); err != nil {
		return err
	}
	to.WriteString(withoutPackage)
	return nil
}

// addCompletions says what can stand in the arguments and flags of all commands
// under a root. dashed tells whether there is a -- before what is completed.
func addCompletions(cmd *cobra.Command, dashed bool) {
	switch {
	case strings.Contains(cmd.Use, "COMMAND") && dashed:
		cmd.ValidArgsFunction = completeCommand
	case strings.Contains(cmd.Use, "SLOT"):
		cmd.ValidArgsFunction = completeSlot
	case cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0:
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if values := flagValues(f); values != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, values) // it fails only for a flag that is not there
		}
	})
	for _, sub := range cmd.Commands() {
		addCompletions(sub, dashed)
	}
}

// flagValues completes what a flag can have; nil for one that is a path.
func flagValues(f *pflag.Flag) cobra.CompletionFunc {
	var choices []string
	kind := f.Value.Type()
	if v, ok := f.Value.(*flagValue); ok {
		choices = v.setting.choices
	} else if kind == strings.ToLower(kind) && strings.Contains(kind, "|") {
		choices = strings.Split(kind, "|")
	}
	v, isSetting := f.Value.(*flagValue)
	switch {
	case isSetting && v.setting.splits && len(choices) > 0:
		return completeList(choices)
	case len(choices) > 0:
		return cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp)
	case strings.Contains(kind, "PATH") || f.Name == "control":
		return nil
	}
	return cobra.NoFileCompletions
}

// completeList completes the last of several values between commas.
func completeList(choices []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndex(typed, ",")+1]
		have := strings.Split(before, ",")
		var lists []string
		for _, c := range choices {
			if !slices.Contains(have, c) {
				lists = append(lists, before+c)
			}
		}
		return lists, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSlot names the slots of the running pool, each with what is in it. It
// is silent where there is none.
func completeSlot(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	socket := ""
	if f := cmd.Flag("control"); f != nil {
		socket = f.Value.String()
	}
	client, err := control.Find(socket)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), askedFor)
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var slots []string
	seen := map[int]bool{}
	for _, w := range status.Workers {
		if !seen[w.Slot] {
			seen[w.Slot] = true
			slots = append(slots, cobra.CompletionWithDesc(strconv.Itoa(w.Slot), fmt.Sprintf("pid %d, %s", w.PID, w.State)))
		}
	}
	return slots, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeCommand completes the worker's command behind --: first a program, then
// files.
func completeCommand(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || strings.Contains(typed, "/") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return programsIn(os.Getenv("PATH"), typed), cobra.ShellCompDirectiveDefault
}

// programsIn are what PATH has that begins with prefix. Nothing else names all of
// them: a list of thousands helps nobody.
func programsIn(path, prefix string) []string {
	if prefix == "" {
		return nil
	}
	var names []string
	for _, dir := range filepath.SplitList(path) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), prefix) && executable(filepath.Join(dir, e.Name())) == nil {
				names = append(names, e.Name())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// prepareCompletion makes ready to answer a shell, if it is one that asks: no other
// start of rota pays for it.
func prepareCompletion(root *cobra.Command, args []string) {
	if len(args) == 0 || !strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return
	}
	before := args[1:max(len(args)-1, 1)]
	// Behind --, as in `rota -- py`, cobra would name the commands of rota too.
	if len(before) > 0 && before[0] == "--" {
		root.ResetCommands()
	}
	// Cobra parses the flags more than once, and then ArgsLenAtDash is that of
	// another time.
	addCompletions(root, slices.Contains(before, "--"))
}
