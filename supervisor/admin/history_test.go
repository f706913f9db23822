package admin

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rota/policy"
	"rota/supervisor"
	"rota/supervisor/admin/api"
	"rota/supervisor/admin/history"
	"rota/supervisor/admin/journal"
)

// recorded is a server whose pool was watched for a minute; call it in a bubble.
func recorded(t *testing.T) *Server {
	pool := newFixed(t, &supervisor.Status{Desired: 1, Ready: 1, Workers: []supervisor.WorkerStatus{
		{ID: 4, Slot: 0, State: policy.Ready, Sampled: true, Private: 1 << 20}}})
	j := journal.New(time.Now())
	r := history.New(j, false)
	ctx, cancel := context.WithCancel(t.Context())
	go r.Run(ctx, pool)
	time.Sleep(30 * time.Second)
	j.Append(supervisor.Event{Kind: supervisor.CycleDone, Time: time.Now(), Worker: 3, Trigger: policy.Memory})
	time.Sleep(30*time.Second + time.Millisecond)
	cancel()
	return New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared), Journal: j, History: r})
}

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := recorded(t)
		h := s.handler()
		for query, want := range map[string]int{
			"": 200, "?since=5m": 200, "?since=2026-01-02T03:04:05Z": 200, "?step=10": 200, "?step=0": 200, "?format=csv": 200, "?format=json": 200,
			"?since=x": 400, "?since=-1s": 400, "?step=x": 400, "?step=-1": 400, "?step=NaN": 400, "?step=1e99": 400, "?format=xlsx": 400,
		} {
			if code, body := get(t, h, "GET", "/v1/history"+query); code != want {
				t.Errorf("%s is answered with %d: %s", query, code, body)
			}
			if len(s.histories) != 0 {
				t.Fatalf("%s leaves its turn taken", query)
			}
		}
		if code, _ := get(t, h, "HEAD", "/v1/history"); code != 200 || len(s.histories) != 0 {
			t.Errorf("HEAD is answered with %d", code)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/history?format=csv", nil))
		if got := w.Header(); !strings.HasPrefix(got.Get("Content-Type"), "text/csv") || !strings.Contains(got.Get("Content-Disposition"), ".csv") {
			t.Errorf("a table comes with %v", got)
		}
		// While as many are read as may be, one more waits, and is told so in the end.
		for range mostHistories {
			s.histories <- struct{}{}
		}
		began := time.Now()
		if code, _ := get(t, h, "GET", "/v1/history"); code != http.StatusServiceUnavailable || time.Since(began) != turnWait {
			t.Errorf("one too many is answered with %d after %s", code, time.Since(began))
		}
		go func() {
			time.Sleep(time.Second)
			<-s.histories
		}()
		if code, _ := get(t, h, "GET", "/v1/history"); code != http.StatusOK {
			t.Errorf("the next one is answered with %d", code)
		}
	})
}

// The client that the commands use gets it all over the control socket.
func TestClientOfEventsAndHistory(t *testing.T) {
	var s *Server
	synctest.Test(t, func(t *testing.T) { s = recorded(t) })
	path := filepath.Join(t.TempDir(), "control")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	s = New(Options{Pool: newFixed(t, &supervisor.Status{Desired: 7}), Metrics: NewMetrics(supervisor.AcceptShared), History: s.options.History})
	go func() { served <- s.Serve(l) }()
	defer func() {
		s.End()
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	client := api.NewClient(path)
	past, err := client.History(t.Context(), time.Time{})
	if err != nil || len(past.Points) != 60 || len(past.Marks) != 1 || past.Points[59].Workers[0].PrivateBytes != 1<<20 {
		t.Errorf("%v: %+v", err, past)
	}
	if past, err = client.History(t.Context(), past.Points[49].Time); err != nil || len(past.Points) != 10 {
		t.Errorf("%v: the last ten seconds are %d points", err, len(past.Points))
	}
	var table bytes.Buffer
	if err := client.HistoryCSV(t.Context(), time.Time{}, &table); err != nil || strings.Count(table.String(), "\n") != 61 {
		t.Errorf("%v: %s", err, &table)
	}

	j := s.options.Journal
	for range 5 {
		j.Append(supervisor.Event{Kind: supervisor.WorkerReady, Time: time.Now()})
	}
	first := j.Oldest()
	var told []uint64
	var statuses, gaps int
	note := func(m api.Message) error {
		switch {
		case m.Event != nil:
			told = append(told, m.Event.ID-first)
		case m.Status != nil:
			if statuses++; m.Status.Desired != 7 {
				t.Errorf("%+v", m.Status)
			}
		case m.Gap:
			gaps++
		}
		return nil
	}
	if err := client.Events(t.Context(), api.Asked{Status: true}, note); err != nil || len(told) != 5 || statuses != 1 || gaps != 0 {
		t.Errorf("%v: %v, %d statuses, %d gaps", err, told, statuses, gaps)
	}
	told = nil
	if err := client.Events(t.Context(), api.Asked{After: first + 3}, note); err != nil || len(told) != 1 || told[0] != 4 {
		t.Errorf("%v: %v", err, told)
	}
	told = nil
	if err := client.Events(t.Context(), api.Asked{After: 1}, note); err != nil || len(told) != 5 || gaps != 1 {
		t.Errorf("%v: %v, %d gaps", err, told, gaps)
	}
	if err := client.Events(t.Context(), api.Asked{Since: time.Now().Add(time.Hour)}, note); err != nil || len(told) != 5 {
		t.Errorf("%v: %v", err, told)
	}
	// One that is followed ends with its reader's error.
	enough := errors.New("enough")
	err = client.Events(t.Context(), api.Asked{Follow: true}, func(m api.Message) error {
		if m.Event.ID == first+4 {
			return enough
		}
		return nil
	})
	if err != enough {
		t.Error(err)
	}
}
