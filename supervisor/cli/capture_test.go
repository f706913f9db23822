package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rota/supervisor"
)

func TestCaptureSettings(t *testing.T) {
	s, err := sources{args: []string{"--max-memory", "1G"}}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	if c := s.Config.Capture; c.Command != "" || c.Keep != 3 || c.MaxSize != 1<<30 || c.Dir != supervisor.DefaultCaptureDir() ||
		s.Config.Policy.CaptureTimeout != 30*time.Second || s.value("capture-dir").Value != c.Dir || s.value("capture").Value != off {
		t.Errorf("by default %+v", c)
	}
	s, err = sources{args: []string{"--max-memory", "1G", "--capture", "curl -s $ROTA_WORKER_URL, done", "--capture-timeout", "1m",
		"--capture-dir", "dumps", "--capture-keep", "1", "--capture-max-size", "2G"}}.resolve(t)
	if err != nil {
		t.Fatal(err)
	}
	here, _ := os.Getwd()
	if c := s.Config.Capture; c.Command != "curl -s $ROTA_WORKER_URL, done" || c.Keep != 1 || c.MaxSize != 2<<30 || c.Dir != filepath.Join(here, "dumps") ||
		s.Config.Policy.CaptureTimeout != time.Minute || len(s.Warnings) > 0 {
		t.Errorf("%+v, warnings %q", c, s.Warnings)
	}
	for _, args := range [][]string{{"--capture", "true"}, {"--max-memory", "1G", "--capture-keep", "2"}} {
		if s, err := (sources{args: args}).resolve(t); err != nil || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "has no effect without") {
			t.Errorf("%q: %v, want a warning", args, err)
		}
	}
}

// A folder of the operator's choice is used as it is, with a warning where others
// could put something else in the place of what is written there.
func TestCaptureFolderOfOthers(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[os.FileMode]string{
		0o700: "", 0o777: "can be replaced by any user", 0o777 | os.ModeSticky: "", 0o775: "",
	} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		s, err := sources{args: []string{"--max-memory", "1G", "--capture", "true", "--capture-dir", dir}}.resolve(t)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.Warnings, "; "); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("mode %v: warnings %q, want %q", mode, got, want)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 12345, -1); err != nil {
		t.Skip("only root may give a folder away")
	}
	if got := (supervisor.Capture{Dir: dir}).Exposed(); !strings.Contains(got, "user 12345") {
		t.Errorf("a folder of another user: %q", got)
	}
}

func TestCaptureErrors(t *testing.T) {
	for name, args := range map[string][]string{
		"size":    {"--capture-max-size", "40%"},
		"number":  {"--capture-keep", "0"},
		"timeout": {"--capture-timeout", "0s"},
		"dir":     {"--capture-dir", ""},
		"command": {"--capture", " "},
	} {
		if _, err := (sources{args: args}).resolve(t); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkCapture(supervisor.Capture{Command: "true", Dir: "/proc/nothing"}, true); err == nil {
		t.Error("a folder that cannot be made is no error")
	}
	if err := checkCapture(supervisor.Capture{Dir: "/proc/nothing"}, true); err != nil {
		t.Errorf("without a command: %v", err)
	}
}
