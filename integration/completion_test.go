package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// complete asks bash for what can stand at the end of a line, as the Tab key does.
func complete(t *testing.T, bash, socket string, words ...string) string {
	t.Helper()
	// compopt is of use only while a completion runs, and so is a function here.
	script := `compopt() { :; }
source <("$rota" completion bash) || exit 1
COMP_LINE="$line" COMP_POINT=${#line} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9 COMP_KEY=9
__start_rota
printf '%s\n' "${COMPREPLY[@]}"`
	line := strings.NewReplacer(" = ", "=", " : ", " :").Replace(strings.Join(words, " "))
	cmd := exec.Command(bash, append([]string{"--norc", "-c", script, "bash"}, words...)...)
	cmd.Env = append(os.Environ(), "rota="+binary, "line="+line, "ROTA_CONTROL="+socket, "PATH="+filepath.Dir(binary)) // other programs may begin alike
	var failed strings.Builder
	cmd.Stderr = &failed
	text, err := cmd.Output()
	if err != nil || failed.Len() > 0 {
		t.Fatalf("%q: %v: %s", words, err, failed.String())
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func TestCompletion(t *testing.T) {
	bash := server(t, "bash", "bash")
	_, socket := watchedPool(t)
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"rota", "compl"}, "completion"},
		{[]string{"rota", "completion", ""}, "bash zsh fish"},
		{[]string{"rota", "--log-l"}, "--log-level"},
		{[]string{"rota", "--accept", "s"}, "shared steered"},
		{[]string{"rota", "--accept", "=", "f"}, "front"},
		{[]string{"rota", "-l", ":", "80", "--log-format", "j"}, "json"},
		{[]string{"rota", "--handoff", "port,i"}, `port\,inherit`},
		{[]string{"rota", "--log-level", "w"}, "warn"},
		{[]string{"rota", "status", "-o", "j"}, "json"},
		{[]string{"rota", "status", "-o", "wi"}, "wide"},
		{[]string{"rota", "roll", "pa"}, "pause"},
		{[]string{"rota", "--max-memory", ""}, ""},
		{[]string{"rota", "-w", "2", "--", "rot"}, "rota"},
		{[]string{"rota", "--", "rot"}, "rota"},
		{[]string{"rota", "check", "--", "rot"}, "rota"},
		{[]string{"rota", "--", "healthch"}, ""}, // behind -- there are no commands of rota
		{[]string{"rota", "-w", "2", "rot"}, ""},
	} {
		if got := complete(t, bash, socket, c.words...); got != c.want {
			t.Errorf("%q: %q, want %q", c.words, got, c.want)
		}
	}
	for _, command := range []string{"cycle", "explain"} {
		if got := complete(t, bash, socket, "rota", command, ""); got != "0 1" {
			t.Errorf("slots for %s: %q", command, got)
		}
		if got := complete(t, bash, socket+".none", "rota", command, ""); got != "" {
			t.Errorf("slots without a pool: %q", got)
		}
	}
}

func TestCompletionOfEachShell(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -o default", "zsh": "#compdef rota", "fish": "complete -c rota"} {
		text, err := exec.Command(binary, "completion", shell).Output()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, and no %q in it", shell, err, want)
		}
		path, err := exec.LookPath(shell)
		if err != nil {
			continue // that its syntax is right is looked at where the shell is there
		}
		check := exec.Command(path, "-n")
		check.Stdin = strings.NewReader(string(text))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s does not read it: %v: %s", shell, err, out)
		}
	}
	out, err := exec.Command(binary, "completion", "tcsh").CombinedOutput()
	if exitCode(err) != 2 || !strings.Contains(string(out), "bash, zsh, fish") {
		t.Errorf("%v: %s", err, out)
	}
	help, err := exec.Command(binary, "completion", "--help").Output()
	if err != nil || !strings.Contains(string(help), "source <(rota completion bash)") {
		t.Errorf("%v: %s", err, help)
	}
}
