package cli

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"rota/policy"
	"rota/supervisor"
	"rota/supervisor/admin/journal"
)

// kinds are all that the supervisor declares, so that none can be forgotten here.
func kinds(t *testing.T) (all []supervisor.Kind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, supervisor.Kind(text))
		}
		return true
	})
	if len(all) < 30 {
		t.Fatalf("only %d kinds were found", len(all))
	}
	return all
}

// full is an event of which everything is known.
func full(kind supervisor.Kind) supervisor.Event {
	return supervisor.Event{
		Time: time.Now(), Kind: kind, Message: "the message", Worker: 7, Slot: 0, PID: 4711, Generation: 3, Trigger: policy.Memory, Roll: 2,
		Reason: "the reason", Duration: 1500 * time.Millisecond, Exit: supervisor.ExitDrained, Status: "exit code 0",
		Cut: 1, CutUpgrades: 2, Path: "/captures/1", Bytes: 4096, Ready: 2, Desired: 3, Alive: 4,
	}
}

func written(t *testing.T, asJSON bool, e supervisor.Event) string {
	t.Helper()
	var out bytes.Buffer
	l := &log{Logger: hclog.New(&hclog.LoggerOptions{Name: "rota", Level: hclog.Trace, JSONFormat: asJSON, Output: &out}), json: asJSON}
	l.event(e)
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%s is not one line: %q", e.Kind, out.String())
	}
	return out.String()
}

// A line of JSON says the same of an event as the API does, under the same names
// and in the same units, whatever happened.
func TestLogSaysWhatTheAPISays(t *testing.T) {
	for _, kind := range kinds(t) {
		for what, e := range map[string]supervisor.Event{"with all": full(kind), "with nothing": {Kind: kind}} {
			var line, told map[string]any
			if err := json.Unmarshal([]byte(written(t, true, e)), &line); err != nil {
				t.Fatal(err)
			}
			j := journal.New(time.Now())
			j.Append(e)
			events, _ := j.Read(0, 1)
			if err := json.Unmarshal(events[0].JSON(), &told); err != nil {
				t.Fatal(err)
			}
			want := map[string]any{"@message": string(kind), "@level": told["level"], "@module": "rota"}
			for name, value := range told {
				switch name {
				case "id", "time", "kind", "level": // the log has its own, or none
				default:
					want[name] = value
				}
			}
			switch kind {
			case supervisor.Warning: // is said in the words of the warning alone
				want = map[string]any{"@message": e.Message, "@level": "warn", "@module": "rota"}
			case supervisor.Note:
				want["@message"] = e.Message
				delete(want, "message")
			}
			delete(line, "@timestamp")
			if !maps.Equal(line, want) {
				t.Errorf("%s %s is logged as\n%v, want\n%v", kind, what, line, want)
			}
		}
	}
}

// For people, times and sizes have units.
func TestLogForPeople(t *testing.T) {
	line := written(t, false, full(supervisor.CaptureDone))
	for _, want := range []string{
		"[WARN]", "rota: capture done:", "slot=0 ", "pid=4711 ", "generation=3 ", "trigger=memory ", "roll=2 ", `reason="the reason"`, "exit=drained ",
		`status="exit code 0"`, "cut=1 ", "cut_upgrades=2 ", "path=/captures/1", "took=1.5s ", "size=4KiB ", `detail="the message"`, "ready=2 ", "desired=3 ", "alive=4",
	} {
		if !strings.Contains(line, want) {
			t.Errorf("%q is missing in %s", want, line)
		}
	}
	names := []string{}
	for _, field := range strings.Fields(line) {
		if name, _, ok := strings.Cut(field, "="); ok {
			names = append(names, name)
		}
	}
	if slices.Sort(names); len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("something is said twice: %s", line)
	}
}
