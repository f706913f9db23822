package history

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// csvTime is what spreadsheets take for a time; they do not know zones.
const csvTime = "2006-01-02 15:04:05"

// csvPool are the columns of the whole pool, before those of each slot.
var csvPool = []string{"time_utc", "seconds", "total_bytes", "container_bytes", "limit_bytes", "ready", "accept_queue",
	"requests_per_second", "shed_per_second", "cut_per_second", "in_flight", "queued", "p50_seconds", "p99_seconds", "cycles"}

// csvSlot are the columns of each slot.
var csvSlot = []string{"worker", "private_bytes", "shared_bytes", "rss_bytes"}

// WriteCSV writes a line for each point, as RFC 4180 has them, with all slots beside
// each other so that a column can be drawn as it is. What is not known is empty. No
// cell begins with what a spreadsheet would take for a formula: they are numbers,
// but for the time and for the cycles, each of which begins with the word slot.
func (x *Excerpt) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w) // buffered
	slots := x.slots()
	line := slices.Clone(csvPool)
	for _, slot := range slots {
		for _, name := range csvSlot {
			line = append(line, fmt.Sprintf("slot%d_%s", slot, name))
		}
	}
	marks := x.marks
	for _, r := range x.rows {
		if err := out.Write(line); err != nil {
			return err
		}
		var cycles []string
		for len(marks) > 0 && marks[0].Time.UnixMilli() <= r.end {
			m := marks[0]
			cycles = append(cycles, fmt.Sprintf("slot %d: %s: %s", m.Slot, m.Trigger, m.Reason))
			marks = marks[1:]
		}
		line = r.csv(line[:0], slots, strings.Join(cycles, "; "))
	}
	if err := out.Write(line); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// slots are those that some row has a worker of, rising.
func (x *Excerpt) slots() []uint16 {
	var has [mostSlots]bool
	for _, r := range x.rows {
		for _, c := range r.workers {
			has[c.slot] = true
		}
	}
	var slots []uint16
	for slot, is := range has {
		if is {
			slots = append(slots, uint16(slot))
		}
	}
	return slots
}

// csv is the row as a line, after what line has already.
func (r *row) csv(line []string, slots []uint16, cycles string) []string {
	whole := func(n int64) string {
		if n == unknown {
			return ""
		}
		return strconv.FormatInt(n, 10)
	}
	part := func(f float32) string {
		if f == unknown {
			return ""
		}
		return strconv.FormatFloat(exact(f), 'f', -1, 64)
	}
	line = append(line, time.UnixMilli(r.end).UTC().Format(csvTime), part(r.seconds),
		whole(r.total), whole(r.container), whole(r.limit), whole(int64(r.ready)), whole(int64(r.queue)),
		part(r.requests), part(r.shed), part(r.cut), whole(int64(r.inFlight)), whole(int64(r.queued)), part(r.p50), part(r.p99), cycles)
	workers := r.workers
	for _, slot := range slots {
		for len(workers) > 0 && workers[0].slot < slot {
			workers = workers[1:]
		}
		if len(workers) == 0 || workers[0].slot != slot {
			line = append(line, "", "", "", "")
			continue
		}
		c := workers[0]
		line = append(line, whole(int64(c.id)), whole(int64(c.private)<<10), whole(int64(c.shared)<<10), whole(int64(c.rss)<<10))
	}
	return line
}
