package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"rota/supervisor"
)

// log writes what happens, one line for each thing.
type log struct {
	hclog.Logger
	file *logFile // nil for standard error
	json bool
	out  *unhurried
}

func openLog(level, format, path string) (*log, error) {
	var out io.Writer = os.Stderr
	var file *logFile
	if path != "" {
		file = &logFile{path: path}
		if err := file.open(); err != nil {
			return nil, &ExitError{supervisor.ExitFailed, err}
		}
		out = file
	}
	l := &log{file: file, json: format == "json"}
	l.out = newUnhurried(out, l.warn)
	l.Logger = hclog.New(&hclog.LoggerOptions{
		Name: "rota", Level: hclog.LevelFromString(level), JSONFormat: l.json, Output: l.out,
	})
	return l, nil
}

// close writes what is left.
func (l *log) close() { l.out.close() }

func (l *log) warn(text string)               { l.Logger.Warn(text) }
func (l *log) info(text string, args ...any)  { l.Logger.Info(text, args...) }
func (l *log) error(text string, args ...any) { l.Logger.Error(text, args...) }

// reopen opens the file anew after it was moved away.
func (l *log) reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.open()
}

// event writes an event with those of its fields that mean something. In JSON they
// are named, and measured, as an api.Event's: seconds and bytes are numbers.
func (l *log) event(e supervisor.Event) {
	level, text := hclog.LevelFromString(string(e.Level())), string(e.Kind)
	switch e.Kind {
	case supervisor.Warning:
		l.Log(level, e.Message)
		return
	case supervisor.Note:
		text, e.Message = e.Message, ""
	}
	l.Log(level, text, l.fields(&e)...)
}

func (l *log) fields(e *supervisor.Event) (args []any) {
	add := func(name string, value any, is bool) {
		if is {
			args = append(args, name, value)
		}
	}
	add("slot", e.Slot, e.Worker != 0)
	add("pid", e.PID, e.PID != 0)
	add("generation", e.Generation, e.Generation != 0)
	add("trigger", string(e.Trigger), e.Trigger != "")
	add("roll", e.Roll, e.Roll != 0)
	add("reason", e.Reason, e.Reason != "")
	add("exit", e.Exit, e.Exit != "")
	add("status", e.Status, e.Status != "")
	add("cut", e.Cut, e.Cut != 0)
	add("cut_upgrades", e.CutUpgrades, e.CutUpgrades != 0)
	add("path", e.Path, e.Path != "")
	if l.json {
		add("seconds", e.Duration.Seconds(), e.Duration > 0)
		add("bytes", e.Bytes, e.Path != "")
		add("message", e.Message, e.Message != "")
	} else {
		add("took", e.Duration.Round(time.Millisecond).String(), e.Duration > 0)
		add("size", formatSize(e.Bytes), e.Path != "")
		add("detail", e.Message, e.Message != "")
	}
	add("ready", e.Ready, true)
	add("desired", e.Desired, true)
	add("alive", e.Alive, true)
	return args
}

// logFile is a file that can be opened anew while it is written to.
type logFile struct {
	path string
	mu   sync.Mutex
	file *os.File
}

func (f *logFile) open() error {
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("cannot open the log: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
	}
	f.file = file
	return nil
}

func (f *logFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(p)
}
