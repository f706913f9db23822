package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rota/supervisor/admin/api"
)

// What is sent to a terminal; see ECMA-48 and, for the cursor, DEC's private modes.
const (
	beginFrames = "\x1b[?25l\x1b[?7l" // no cursor, and lines that are too long end at the edge
	endFrames   = "\x1b[?7h\x1b[?25h"
	clearAll    = "\x1b[H\x1b[2J"
	clearLine   = "\x1b[K" // from the cursor to its end
	clearBelow  = "\x1b[J"
)

// watchStatus shows the status again and again, until a signal ends it: in place
// on a terminal, elsewhere one after another. A pool that is gone for a while, as
// when it is started anew, is waited for.
func (o *operator) watchStatus(ctx context.Context, format string, every time.Duration) error {
	inPlace := o.screen.terminal != nil && o.screen.env("TERM") != "dumb" && format != asJSON
	frames := &frames{out: o.screen.out}
	if inPlace {
		if _, err := io.WriteString(o.screen.out, beginFrames); err != nil {
			return fmt.Errorf("cannot write the status: %w", err)
		}
		defer io.WriteString(o.screen.out, endFrames)
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for first := true; ; first = false {
		text, _, err := o.status(ctx, format)
		var unreachable *api.Unreachable
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && (first || !errors.As(err, &unreachable)):
			return err
		case err != nil:
			text = []byte(err.Error() + "; waiting for it\n")
		}
		columns, rows := o.screen.size()
		switch {
		case inPlace:
			err = frames.draw(text, columns, rows)
		case first || format == asJSON:
			_, err = o.screen.out.Write(text)
		default:
			_, err = fmt.Fprintf(o.screen.out, "\n%s", text)
		}
		if err != nil {
			return fmt.Errorf("cannot write the status: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// frames draws texts over one another, so that what stays as it is does not
// flicker: nothing is cleared before it is written over, and each is one write.
type frames struct {
	out           io.Writer
	lines         int // of the last one, which the cursor is below
	columns, rows int // that it was drawn for
}

func (f *frames) draw(text []byte, columns, rows int) error {
	var frame bytes.Buffer
	if f.lines > 0 {
		if columns != f.columns || rows != f.rows {
			frame.WriteString(clearAll) // the terminal has moved lines about
		} else {
			fmt.Fprintf(&frame, "\x1b[%dA\r", f.lines)
		}
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if most := rows - 2; rows > 2 && len(lines) > most {
		more := fmt.Sprintf("... %d more lines", len(lines)-most)
		lines = append(lines[:most:most], []byte(more))
	}
	for _, line := range lines {
		frame.Write(bytes.TrimSuffix(line, []byte("\n")))
		frame.WriteString(clearLine + "\n")
	}
	frame.WriteString(clearBelow)
	f.lines, f.columns, f.rows = len(lines), columns, rows
	_, err := f.out.Write(frame.Bytes())
	return err
}
