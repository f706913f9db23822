package admin

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	// mostHistories are written down at once: that of 100 workers is some 25 MB, and
	// takes a core half a second.
	mostHistories = 4
	historyTime   = time.Minute // for a client to take it
)

// history answers with an api.History, or with a table for a spreadsheet.
//
//	?since=       an RFC 3339 time, or a duration before now, as Go writes it
//	?step=        seconds: nothing finer than that, of 1, 10 and 60
//	?format=csv   a line for each point
func (s *Server) history(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	since, err := parseSince(query, time.Now())
	step := 1.0
	if text := query.Get("step"); err == nil && text != "" {
		if step, err = strconv.ParseFloat(text, 64); err != nil || !(step >= 0 && step <= 1e6) {
			err = fmt.Errorf("cannot read ?step=%s: want a number of seconds, like 10", text)
		}
	}
	format := query.Get("format")
	if err == nil && format != "" && format != "json" && format != "csv" {
		err = fmt.Errorf("cannot write a history as %q: want json or csv", format)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if r.Method != http.MethodHead && !s.histories.take(w, r, "too many read the history") {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	contentType := "application/json"
	if format == "csv" {
		contentType = "text/csv; charset=utf-8; header=present"
		w.Header().Set("Content-Disposition", `attachment; filename="rota-history.csv"`)
	}
	w.Header().Set("Content-Type", contentType)
	if r.Method == http.MethodHead {
		return
	}
	defer s.histories.give()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(historyTime))
	excerpt := s.options.History.Since(since, time.Duration(step*float64(time.Second)))
	// An error means that the client has gone, or is too slow.
	if format == "csv" {
		_ = excerpt.WriteCSV(w)
	} else {
		_ = excerpt.WriteJSON(w)
	}
}
