package view

import (
	"fmt"
	"strings"

	"rota/supervisor/admin/api"
)

// evidence says of which worker evidence is being taken, and what became of the
// last; nothing where there was none.
func (o Options) evidence(b *strings.Builder, s *api.Status) {
	for i := range s.Workers {
		if w := &s.Workers[i]; w.Capture != nil {
			o.fact(b, "evidence", plain, fmt.Sprintf("of slot %d, pid %d, is being taken for %s, %s at most", w.Slot, w.PID,
				Span(s.Time.Sub(w.Capture.BeganAt)), Span(seconds(w.Capture.TimeoutSeconds))))
		}
	}
	c := s.LastCapture
	if c == nil {
		return
	}
	text := fmt.Sprintf("of slot %d, pid %d, %s ago: ", c.Slot, c.PID, Span(s.Time.Sub(c.At)))
	style := plain
	if c.Result == api.CaptureDone {
		text += Size(float64(c.Bytes))
	} else {
		style = yellow
		text += fmt.Sprintf("%s: %s", c.Result, c.Why)
	}
	switch {
	case c.Path == nil:
	case c.Result == api.CaptureDone:
		text += " in " + *c.Path
	default:
		text += "; what there is: " + *c.Path
	}
	o.fact(b, "evidence", style, text)
}
