package journal

import (
	"encoding/json"
	"strings"
	"sync"

	"rota/supervisor"
	"rota/supervisor/admin/api"
)

// What is kept of an event's texts, in bytes. Some hold what a program has
// chosen, like the tail of what it wrote; the journal must not grow with it.
const (
	mostMessage = 1024
	mostText    = 512
)

// Entry is an event in the journal. It is never changed.
type Entry struct {
	api.Event
	encode sync.Once
	text   []byte
}

// JSON is the event as JSON, in one line. It is made once for all readers, by the
// first of them.
func (e *Entry) JSON() []byte {
	e.encode.Do(func() {
		// An Event holds nothing that JSON cannot.
		e.text, _ = json.Marshal(&e.Event)
	})
	return e.text
}

// describe is an event as the API tells it.
func describe(id uint64, e supervisor.Event) api.Event {
	d := api.Event{
		ID: id, Time: e.Time, Kind: string(e.Kind), Level: string(e.Level()), Message: cut(e.Message, mostMessage),
		PID: e.PID, Generation: e.Generation, Trigger: string(e.Trigger), Roll: e.Roll, Reason: cut(e.Reason, mostText),
		Seconds: e.Duration.Seconds(), Exit: e.Exit, Status: cut(e.Status, mostText),
		Cut: e.Cut, CutStreams: e.CutUpgrades, Path: cut(e.Path, mostMessage), Bytes: e.Bytes,
		Ready: e.Ready, Desired: e.Desired, Alive: e.Alive,
	}
	if e.Worker != 0 {
		slot := e.Slot
		d.Slot = &slot
	}
	return d
}

// cut shortens a text to a number of bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const more = "…"
	return strings.ToValidUTF8(s[:most-len(more)], "") + more
}
