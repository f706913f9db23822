package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"rota/supervisor/admin/api"
)

func TestStatusCodes(t *testing.T) {
	f := newFakePool(t)
	for phase, want := range map[api.Phase]int{api.PhaseReady: 0, api.PhaseDegraded: 3, api.PhaseStarting: 3, api.PhaseStopping: 3} {
		f.change(func() { f.status.Phase = phase })
		code, out, said := f.rota("status")
		if code != want || said != "" || !strings.Contains(out, strings.ToUpper(string(phase))) {
			t.Errorf("%s: code %d, want %d; %s%s", phase, code, want, out, said)
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("what is no terminal gets %q", out)
		}
	}
	os.Remove(f.socket)
	code, _, said := f.rota("status")
	if code != 4 || !strings.Contains(said, f.socket) {
		t.Errorf("without a pool: code %d, %s", code, said)
	}
}

// --watch 5s is as good as --watch=5s.
func TestStatusWatched(t *testing.T) {
	f := newFakePool(t)
	for _, line := range []string{"status --watch", "status --watch=5s", "status --watch 5s"} {
		ctx, cancel := context.WithCancelCause(context.Background())
		out := &lockedBuffer{wrote: func(string) { cancel(&ExitError{130, errors.New("")}) }}
		code, printed, said := f.rotaFor(ctx, out, strings.Fields(line)...)
		if code != 130 || said != "" || !strings.HasPrefix(printed, "pool ") {
			t.Errorf("%s: code %d, %s%s", line, code, printed, said)
		}
	}
}

func TestStatusJSON(t *testing.T) {
	f := newFakePool(t)
	f.change(func() { f.status.Workers[0].LastCycle = &api.LastCycle{Reason: "<gr\u00f6\u00dfer & \u009b2J"} })
	_, want, err := api.NewClient(f.socket).StatusJSON(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	code, out, said := f.rota("status", "-o", "json")
	if code != 0 || out != string(want) {
		t.Errorf("code %d, %s\n%swant\n%s", code, said, out, want)
	}
	// A terminal gets the same value without a byte that could move its cursor.
	safe := display{terminal: os.Stdout}.json([]byte(out))
	var got, meant api.Status
	if err := json.Unmarshal(safe, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &meant); err != nil {
		t.Fatal(err)
	}
	if got.Workers[0].LastCycle.Reason != meant.Workers[0].LastCycle.Reason {
		t.Errorf("%q became %q", meant.Workers[0].LastCycle.Reason, got.Workers[0].LastCycle.Reason)
	}
	for _, c := range safe {
		if c >= 0x7f || c < ' ' && c != '\n' {
			t.Errorf("byte %x goes to a terminal", c)
		}
	}
}

// What is wrong with the arguments is said before anything is asked.
func TestWrongArguments(t *testing.T) {
	f := newFakePool(t)
	for line, want := range map[string]string{
		"status --watch 5s 6s":       `unexpected argument "5s" (see rota status --help)`,
		"status 5s":                  `unexpected argument "5s" (see rota status --help)`,
		"status now":                 `unexpected argument "now" (see rota status --help)`,
		"status -o yaml":             `invalid argument "yaml" for "-o, --output" flag: want table, wide, json (see rota status --help)`,
		"status --watch=never":       `invalid argument "never" for "--watch" flag: "never" is not a duration (want 90s, 12h or 1w2d) (see rota status --help)`,
		"roll stauts":                `unexpected argument "stauts" (did you mean status?)`,
		"roll --timeout 5s":          `--timeout is for --wait: add that`,
		"roll --wait --timeout 0":    `invalid argument "0" for "--timeout" flag: "0" is no time at all (want 90s, 12h or 1w2d) (see rota roll --help)`,
		"roll abort 4":               `unexpected argument "4" (see rota roll abort --help)`,
		"cycle":                      `SLOT is missing, as in rota cycle 0`,
		"cycle one":                  `"one" is no slot: want its number, from 0, as in rota cycle 0 (see rota status)`,
		"cycle 1 2":                  `unexpected argument "2": one SLOT at a time, as in rota cycle 0`,
		"explain -- -1":              `"-1" is no slot: want its number, from 0, as in rota explain 0 (see rota status)`,
		"scale":                      `the number of workers is missing, as in rota scale 6`,
		"scale 0":                    `"0" is no number of workers: want 1 to 1000, or a change like +1 or -1`,
		"scale 1001":                 `"1001" is no number of workers: want 1 to 1000, or a change like +1 or -1`,
		"scale 99999999999999999999": `"99999999999999999999" is no number of workers: want 1 to 1000, or a change like +1 or -1`,
		"events --since yesterday":   `invalid argument "yesterday" for "--since" flag: "yesterday" is not a duration (want 90s, 12h or 1w2d) (see rota events --help)`,
		"events --fellow":            `unknown flag --fellow (did you mean --follow? see rota events --help)`,
		"status --control " + strings.Repeat("/long", 30): `--control: "` + strings.Repeat("/long", 30) + `" has 150 bytes, and the path of a socket has 107 at most: name a shorter one`,
		"history 5m": `unexpected argument "5m" (see rota history --help)`,
	} {
		root := newRoot()
		root.SetArgs(lessFlags(root, strings.Fields(line)))
		t.Setenv("ROTA_CONTROL", f.socket)
		var said strings.Builder
		if code := exitCode(root.ExecuteContext(context.Background()), &said); code != 2 || said.String() != "rota: "+want+"\n" {
			t.Errorf("%s: code %d\n got %swant rota: %s", line, code, said.String(), want)
		}
	}
	if len(f.asked) > 0 {
		t.Errorf("the pool was asked %q", f.asked)
	}
}

func TestScale(t *testing.T) {
	f := newFakePool(t)
	f.posted = func(string) (int, any) { return http.StatusOK, api.Scaled{Before: 2, Workers: 4} }
	for line, want := range map[string]string{"scale 4": `{"workers":4}`, "scale +3": `{"workers":5}`, "scale -1": `{"workers":1}`} {
		f.asked = nil
		code, out, said := f.rota(strings.Fields(line)...)
		if code != 0 || len(f.asked) != 1 || f.asked[0] != "/v1/scale"+want || out != "4 workers wanted, 2 before\n" {
			t.Errorf("%s: code %d, asked %q, %s%s", line, code, f.asked, out, said)
		}
	}
	f.asked = nil
	if code, _, said := f.rota("--control", f.socket, "scale", "-1"); code != 0 || len(f.asked) != 1 {
		t.Errorf("behind a flag: code %d, asked %q, %s", code, f.asked, said)
	}
	f.asked = nil
	if code, _, said := f.rota("scale", "-2"); code != 2 || len(f.asked) > 0 || said != "rota: that would be 0 workers, from 2: want 1 to 1000\n" {
		t.Errorf("code %d, asked %q, %s", code, f.asked, said)
	}
}

func TestScaleWait(t *testing.T) {
	f := newFakePool(t)
	f.posted = func(string) (int, any) {
		f.status.Desired, f.status.Alive = 3, 3
		return http.StatusOK, api.Scaled{Before: 2, Workers: 3}
	}
	out := &lockedBuffer{wrote: func(text string) {
		if strings.HasSuffix(text, "2 of 3 ready\n") {
			f.change(func() {
				f.status.Ready = 3
				f.happen(api.Event{Kind: "start failed", Level: "warn"}, api.Event{Kind: "worker ready", Level: "info"})
			})
		}
	}}
	code, printed, said := f.rotaFor(context.Background(), out, "scale", "3", "--wait")
	if code != 0 || !strings.HasSuffix(printed, "3 of 3 ready\n") {
		t.Errorf("code %d, %s%s", code, printed, said)
	}
	f.posted = func(string) (int, any) {
		f.status.Desired = 4
		return http.StatusOK, api.Scaled{Before: 3, Workers: 4}
	}
	out = &lockedBuffer{wrote: func(text string) {
		f.change(func() {
			if strings.Contains(text, "of 4 ready") {
				f.status.Desired = 5
				f.happen(api.Event{Kind: "pool scaled"})
			}
		})
	}}
	if code, _, said := f.rotaFor(context.Background(), out, "scale", "4", "--wait"); code != 1 || !strings.Contains(said, "somebody else") {
		t.Errorf("another's number: code %d, %s", code, said)
	}
}

func TestRefused(t *testing.T) {
	f := newFakePool(t)
	f.posted = func(string) (int, any) { return http.StatusConflict, api.Error{Message: "no roll is under way\x1b[2J"} }
	for _, line := range []string{"roll", "roll pause", "roll resume", "roll abort", "cycle 0", "scale 3"} {
		code, out, said := f.rota(strings.Fields(line)...)
		if code != 1 || out != "" || said != `rota: no roll is under way\x1b[2J`+"\n" {
			t.Errorf("%s: code %d, %q, %q", line, code, out, said)
		}
	}
}

// ended is a roll with an end.
func ended(id int, result, why string) api.Roll {
	now := time.Now()
	return api.Roll{ID: id, Trigger: "generation", Reason: "an operator asked", Generation: 2, BeganAt: now.Add(-3 * time.Second), EndedAt: &now, Result: result, Why: why, Replaced: 2, Total: 2}
}

func TestRollWait(t *testing.T) {
	for result, want := range map[string]int{"done": 0, "failed": 1, "aborted": 1, "superseded": 1} {
		f := newFakePool(t)
		f.posted = func(string) (int, any) {
			f.rolls.Current = &api.Roll{ID: 4, BeganAt: time.Now(), Total: 2, Generation: 2}
			return http.StatusOK, api.Begun{ID: 4}
		}
		out := &lockedBuffer{}
		out.wrote = func(text string) {
			f.change(func() {
				switch {
				case strings.Contains(text, "1 of 2"):
					f.rolls = api.Rolls{History: []api.Roll{ended(5, "done", ""), ended(4, result, "the \x1b reason")}}
				case strings.Contains(text, "0 of 2"):
					f.rolls.Current.Replaced = 1
				}
				f.happen(api.Event{Kind: "cycle done", Level: "info"})
			})
		}
		code, printed, said := f.rotaFor(context.Background(), out, "roll", "--wait", "--timeout", "1m")
		lines := strings.Split(strings.TrimSpace(printed), "\n")
		if code != want || len(lines) != 4 || lines[0] != "roll 4" || !strings.Contains(lines[3], result) {
			t.Errorf("%s: code %d, %s%s", result, code, printed, said)
		}
		if want != 0 && said != "rota: roll 4 was not carried out: "+result+`: the \x1b reason`+"\n" {
			t.Errorf("%s: %s", result, said)
		}
	}
}

// A roll may be over before anybody could have looked.
func TestRollOverAtOnce(t *testing.T) {
	f := newFakePool(t)
	f.posted = func(string) (int, any) {
		f.rolls.History = []api.Roll{ended(4, "done", "")}
		return http.StatusOK, api.Begun{ID: 4}
	}
	if code, out, said := f.rota("roll", "--wait"); code != 0 {
		t.Errorf("code %d, %s%s", code, out, said)
	}
}

func TestRollTimeout(t *testing.T) {
	f := newFakePool(t)
	f.posted = func(string) (int, any) {
		f.rolls.Current = &api.Roll{ID: 4, BeganAt: time.Now(), Total: 2, Replaced: 1}
		return http.StatusOK, api.Begun{ID: 4}
	}
	code, _, said := f.rota("roll", "--wait", "--timeout", "500ms")
	if code != 124 || said != "rota: roll 4, with 1 of 2 workers replaced, is not over after 500ms: it goes on (rota roll status, rota roll abort)\n" {
		t.Errorf("code %d, %s", code, said)
	}
}

// The time counts from the first question on, which a rota may not answer at all.
func TestNoAnswerInTime(t *testing.T) {
	for _, line := range []string{"roll", "cycle 0", "scale 3"} {
		f := newFakePool(t)
		f.silent = make(chan struct{})
		code, out, said := f.rota(strings.Fields(line + " --wait --timeout 50ms")...)
		close(f.silent)
		if code != 124 || out != "" || said != "rota: no answer within 50ms: what was asked for may have begun (see rota status)\n" {
			t.Errorf("%s: code %d, %s%s", line, code, out, said)
		}
	}
}

// A signal that comes while rota does not answer ends a command as any other.
func TestSignalWhileUnanswered(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(&ExitError{143, errors.New("")})
	err := outcome(ctx, &api.Unreachable{Socket: "/s", Err: fmt.Errorf("cannot ask: %w", context.Cause(ctx))})
	var said strings.Builder
	if code := exitCode(err, &said); code != 143 || said.String() != "" {
		t.Errorf("code %d, %q", code, said.String())
	}
}

func TestRollShown(t *testing.T) {
	f := newFakePool(t)
	f.rolls.History = []api.Roll{ended(4, "failed", "slot 1 did not get ready"), ended(3, "done", "")}
	for line, want := range map[string]string{"roll status": "roll 4: 2 of 2 workers replaced", "roll history": "slot 1 did not get ready"} {
		if code, out, said := f.rota(strings.Fields(line)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: code %d, %s%s", line, code, out, said)
		}
	}
	f.posted = func(path string) (int, any) { return http.StatusOK, ended(5, "aborted", "") }
	if code, out, said := f.rota("roll", "abort"); code != 0 || !strings.Contains(out, "aborted after 3.00s") {
		t.Errorf("code %d, %s%s", code, out, said)
	}
}

func TestCycleWait(t *testing.T) {
	slot := 1
	for name, c := range map[string]struct {
		happens func(f *fakePool)
		code    int
		want    string
	}{
		"replaced": {func(f *fakePool) {
			f.status.Workers[1].ID, f.status.Workers[1].PID = 9, 999
			f.happen(api.Event{Kind: "cycle done", Slot: &slot})
		}, 0, "slot 1: pid 999 is ready, generation 1\n"},
		"failed": {func(f *fakePool) {
			f.happen(api.Event{Kind: "cycle failed", Slot: &slot, Message: "the old worker stays"})
		}, 1, "rota: the worker of slot 1 was not replaced: the old worker stays\n"},
		"another's failed": {func(f *fakePool) {
			other := 0
			f.happen(api.Event{Kind: "cycle failed", Slot: &other})
		}, 124, "it goes on (rota status, rota explain 1)\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakePool(t)
			f.posted = func(path string) (int, any) {
				if path != "/v1/workers/1/cycle" {
					t.Errorf("%s was asked", path)
				}
				c.happens(f)
				return http.StatusOK, struct{}{}
			}
			args := []string{"cycle", "1", "--wait"}
			if c.code == 124 {
				args = append(args, "--timeout", "100ms")
			}
			code, out, said := f.rota(args...)
			if code != c.code || !strings.HasSuffix(out+said, c.want) {
				t.Errorf("code %d, %s%s", code, out, said)
			}
		})
	}
}
