package cli

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"rota/supervisor"
)

// leastCaptureTimeout is what the shell alone may take on a busy machine.
const leastCaptureTimeout = 100 * time.Millisecond

var (
	setCaptureTimeout = duration(leastCaptureTimeout, func(s *Settings) *time.Duration { return &s.Config.Policy.CaptureTimeout })
	setCaptureKeep    = number(1, func(s *Settings) *int { return &s.Config.Capture.Keep })
)

func setCapture(b *builder, text string) (string, error) {
	if text == off {
		return off, nil
	}
	if strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("%q is no command (want one for %s, or off)", text, supervisor.CaptureShell)
	}
	b.s.Config.Capture.Command = text
	return text, nil
}

// setCaptureDir keeps the whole path: the command need not run where rota does.
func setCaptureDir(b *builder, text string) (string, error) {
	dir, err := filepath.Abs(text)
	if err != nil || text == "" {
		return "", fmt.Errorf("%q is no folder", text)
	}
	b.s.Config.Capture.Dir = dir
	return dir, nil
}

func setCaptureMaxSize(b *builder, text string) (string, error) {
	size, err := ParseSize(text)
	if err != nil || size.Share > 0 {
		return "", fmt.Errorf("%q is no size on a disk (want 512MiB or 2GiB)", text)
	}
	b.s.Config.Capture.MaxSize = size.Bytes
	return formatSize(size.Bytes), nil
}

// verifyCapture tells of what has no effect, and settles the folder.
func (b *builder) verifyCapture() error {
	c := &b.s.Config
	if c.Capture.Dir == "" {
		c.Capture.Dir = supervisor.DefaultCaptureDir()
		b.show("capture-dir", c.Capture.Dir)
	}
	if c.Capture.Command == "" {
		for _, name := range []string{"capture-timeout", "capture-dir", "capture-keep", "capture-max-size"} {
			if b.given(name) {
				b.warn(name, "has no effect without --capture")
			}
		}
		return nil
	}
	if c.Policy.MaxMemory == 0 && c.Policy.MaxTotalMemory == 0 {
		b.warn("capture", "has no effect without --max-memory: it is run before a worker goes for its memory")
	}
	if why := c.Capture.Exposed(); why != "" {
		b.warn("capture-dir", why)
	}
	return nil
}

// checkCapture tells whether evidence could be taken, and makes the folder for it
// if create is set.
func checkCapture(c supervisor.Capture, create bool) error {
	if c.Command == "" {
		return nil
	}
	if err := executable(supervisor.CaptureShell); err != nil {
		return usage(fmt.Errorf("--capture needs %s: %w (leave it out where there is no shell)", supervisor.CaptureShell, err))
	}
	return usage(c.Check(create))
}
