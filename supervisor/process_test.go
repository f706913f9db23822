package supervisor

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rota/listener"
	"rota/listener/adopt"
)

func TestExitCodes(t *testing.T) {
	for code := range 256 {
		status := syscall.WaitStatus(code << 8)
		if got := exitCodeOf(status); got != code {
			t.Errorf("exit status %d is exit code %d", code, got)
		}
		if got := describeStatus(status); got != fmt.Sprintf("exit code %d", code) {
			t.Errorf("exit status %d is %q", code, got)
		}
	}
	for sig := 1; sig < 65; sig++ {
		if got := exitCodeOf(syscall.WaitStatus(sig)); got != 128+sig {
			t.Errorf("signal %d is exit code %d", sig, got)
		}
	}
	if got := describeStatus(syscall.WaitStatus(syscall.SIGKILL)); got != "SIGKILL (exit code 137)" {
		t.Errorf("%q", got)
	}
}

func TestMergeKeepsOneValueOfAName(t *testing.T) {
	got := merge([]string{"A=1", "B=2", "A=3"}, []string{"B=4", "C="}, []string{"C=5", "D"})
	if want := []string{"A=3", "B=4", "C=5", "D"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestStoryOfAWorkerThatNeverListened(t *testing.T) {
	address := func(ip string, port uint16) listener.Address {
		return listener.Address{Family: listener.IPv4, IP: netip.MustParseAddr(ip), Port: port}
	}
	served := []listener.Address{address("0.0.0.0", 80)}
	for name, c := range map[string]struct {
		p    process
		want []string
	}{
		"nothing":  {process{}, []string{"it bound no TCP port"}},
		"no exec":  {process{failed: "cannot execute x"}, []string{"cannot execute x"}},
		"bound":    {process{reports: []adopt.Report{{Kind: adopt.Bound, Address: address("127.0.0.1", 5000)}}}, []string{"bound 127.0.0.1:5000", "never listened"}},
		"another":  {process{reports: []adopt.Report{{Kind: adopt.Bound, Address: address("127.0.0.1", 5000)}, {Kind: adopt.Listening, Address: address("127.0.0.1", 5000)}}}, []string{"listened on 127.0.0.1:5000", "not on 0.0.0.0:80"}},
		"refused":  {process{reports: []adopt.Report{{Kind: adopt.Refused, Err: errors.New("in use by x")}}}, []string{"in use by x"}},
		"repeated": {process{reports: slices.Repeat([]adopt.Report{{Kind: adopt.Bound, Address: address("127.0.0.1", 5000)}}, 9)}, []string{"it bound 127.0.0.1:5000 but"}},
	} {
		got := c.p.story(served)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", name, got, want)
			}
		}
	}
}

func TestGroupIsGoneOnlyWhenAllOfItIs(t *testing.T) {
	cmd := exec.Command("sh", "-c", "cat & exec cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{pid: cmd.Process.Pid, pidfd: -1}
	if p.gone() {
		t.Error("gone while the leader lives")
	}
	p.leaderGone = true // as if it were reaped
	if p.gone() {
		t.Error("gone while its group lives")
	}
	stdin.Close()
	p.signalGroup(syscall.SIGKILL)
	_ = cmd.Wait()
	for !p.gone() { // the orphan is init's to reap
		syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}
