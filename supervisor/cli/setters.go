package cli

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// auto leaves a value to rota.
const auto = "auto"

func setWorkers(b *builder, text string) (string, error) {
	if text != auto {
		n, err := count(text, 1)
		if err != nil {
			return "", fmt.Errorf("%w, or auto", err)
		}
		b.s.Config.Workers = n
		return strconv.Itoa(n), nil
	}
	n, source := runtime.GOMAXPROCS(0), fromCPUs
	if given, ok := lookup(b.environ, webConcurrency); ok {
		source = webConcurrency
		b.origins["workers"] = source
		var err error
		if n, err = count(given, 1); err != nil {
			return "", fmt.Errorf("%w (--workers N goes before it)", err)
		}
	}
	b.s.Config.Workers = n
	if b.source != fromDefault {
		return fmt.Sprintf("%d (auto: %s)", n, source), nil
	}
	b.source = source
	return strconv.Itoa(n), nil
}

// count reads a number of things.
func count(text string, least int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least {
		return 0, fmt.Errorf("%q is not a number of at least %d", text, least)
	}
	return n, nil
}

// number makes a setter of a count.
func number(least int, field func(*Settings) *int) func(*builder, string) (string, error) {
	return func(b *builder, text string) (string, error) {
		n, err := count(text, least)
		if err != nil {
			return "", err
		}
		*field(b.s) = n
		return strconv.Itoa(n), nil
	}
}

var (
	setMemorySamples  = number(1, func(s *Settings) *int { return &s.Config.Policy.MemorySamples })
	setMaxSurge       = number(0, func(s *Settings) *int { return &s.Config.Policy.MaxSurge })
	setMaxUnavailable = number(0, func(s *Settings) *int { return &s.Config.Policy.MaxUnavailable })
)

// duration makes a setter of a duration that is at least so long.
func duration(least time.Duration, field func(*Settings) *time.Duration) func(*builder, string) (string, error) {
	return func(b *builder, text string) (string, error) {
		d, err := ParseDuration(text)
		if err != nil {
			return "", err
		}
		if d < least {
			return "", fmt.Errorf("%q is too short (want at least %s)", text, formatDuration(least))
		}
		*field(b.s) = d
		return formatDuration(d), nil
	}
}

// leastSampleInterval keeps sampling from costing more than the workers do: one
// look at a process tree takes up to some milliseconds.
const leastSampleInterval = 10 * time.Millisecond

var (
	setSampleInterval = duration(leastSampleInterval, func(s *Settings) *time.Duration { return &s.Config.Policy.SampleInterval })
	setMinUptime      = duration(0, func(s *Settings) *time.Duration { return &s.Config.Policy.MinUptime })
	setStartTimeout   = duration(time.Millisecond, func(s *Settings) *time.Duration { return &s.Config.Policy.StartTimeout })
	setDrainTimeout   = duration(0, func(s *Settings) *time.Duration { return &s.Config.Policy.DrainTimeout })
	setStopTimeout    = duration(0, func(s *Settings) *time.Duration { return &s.Config.Policy.StopTimeout })
	setShutdownDelay  = duration(0, func(s *Settings) *time.Duration { return &s.Config.Policy.ShutdownDelay })
	setInterval       = duration(0, func(s *Settings) *time.Duration { return &s.Config.Policy.RestartInterval })
	setJitter         = duration(0, func(s *Settings) *time.Duration { return &s.Config.Policy.RestartJitter })
)

func setRestartInterval(b *builder, text string) (string, error) {
	if text == off {
		return off, nil
	}
	shown, err := setInterval(b, text)
	if err == nil && b.s.Config.Policy.RestartInterval == 0 {
		shown = off
	}
	return shown, err
}

func setRestartJitter(b *builder, text string) (string, error) {
	if text == auto {
		b.autoJitter = true // needs the workers and the interval
		return auto, nil
	}
	return setJitter(b, text)
}

func setRestartCron(b *builder, text string) (string, error) {
	if text == off {
		return off, nil
	}
	c, err := ParseCron(text)
	if err != nil {
		return "", err
	}
	b.s.Config.Policy.Cron = c // not before: a nil *Cron would be no nil Schedule
	return c.String(), nil
}

func setMaxMemory(b *builder, text string) (string, error) {
	return b.memory(text, "40%", &b.s.Config.Policy.MaxMemory)
}

// setMaxTotalMemory has a share for a default, which is of use only where there
// is a limit to have a share of.
func setMaxTotalMemory(b *builder, text string) (string, error) {
	if limit, _ := b.limit(); limit <= 0 && b.source == fromDefault {
		return off + " (the container has no limit)", nil
	}
	return b.memory(text, "90%", &b.s.Config.Policy.MaxTotalMemory)
}

// memory takes a size, a share of the container's limit, or off, which is 0.
func (b *builder) memory(text, like string, bytes *int64) (string, error) {
	if text == off {
		return off, nil
	}
	size, err := ParseSize(text)
	if err != nil {
		return "", err
	}
	limit, source := b.limit()
	switch {
	case size.Share == 0:
		*bytes = size.Bytes
	case limit <= 0:
		return "", fmt.Errorf("%q is a share of the container's limit, and there is none: give a size like 512MiB", text)
	default:
		*bytes = max(1, int64(float64(limit)*size.Share/100))
		return fmt.Sprintf("%s (%s of %s)", formatSize(*bytes), text, formatSize(limit)), nil
	}
	if limit > 0 && size.Bytes > limit {
		return "", fmt.Errorf("%s is above the container's limit of %s in %s, where the kernel kills first: want less, like %s",
			formatSize(size.Bytes), formatSize(limit), source, like)
	}
	return formatSize(size.Bytes), nil
}

// choice takes one of several words.
func choice(text string, known []string) error {
	if slices.Contains(known, text) {
		return nil
	}
	return fmt.Errorf("%q is not known (want %s)", text, alternatives(known))
}

// alternatives joins words to "a, b or c".
func alternatives(words []string) string {
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " or " + words[last]
	}
	return strings.Join(words, "")
}

// word makes a setter of one of several words.
func word(field func(*Settings) *string, known ...string) func(*builder, string) (string, error) {
	return func(b *builder, text string) (string, error) {
		if err := choice(text, known); err != nil {
			return "", err
		}
		*field(b.s) = text
		return text, nil
	}
}

var (
	setMemoryMetric = word(func(s *Settings) *string { return &s.Config.Policy.MemoryMetric }, "private", "rss", "pss")
	setLogLevel     = word(func(s *Settings) *string { return &s.LogLevel }, "trace", "debug", "info", "warn", "error")
	setLogFormat    = word(func(s *Settings) *string { return &s.LogFormat }, "text", "json")
)

// setStopSignal takes TERM, SIGTERM, sigterm and 15.
func setStopSignal(b *builder, text string) (string, error) {
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(text), "SIG")
	signal := unix.SignalNum(name)
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= 64 {
		signal = syscall.Signal(n)
	}
	if signal == 0 {
		return "", fmt.Errorf("%q is not a signal (want a name like TERM or QUIT, or a number from 1 to 64)", text)
	}
	b.s.Config.StopSignal = signal
	if name := unix.SignalName(signal); name != "" {
		return strings.TrimPrefix(name, "SIG"), nil
	}
	return strconv.Itoa(int(signal)), nil
}

func setConfig(b *builder, text string) (string, error) {
	b.s.ConfigFile = text
	return text, nil
}

func setLogFile(b *builder, text string) (string, error) {
	b.s.LogFile = text
	return text, nil
}
