package admin

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rota/policy"
	"rota/supervisor"
	"rota/supervisor/admin/api"
)

func TestStreamOfWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newFixed(t, &supervisor.Status{Desired: 2, Workers: []supervisor.WorkerStatus{{State: policy.Ready}}}))
		began := time.Now()
		s.append(1)
		time.Sleep(time.Minute)
		s.append(2)
		first := int(s.first())
		for _, c := range []struct{ query, lastID, want string }{
			{"", "", "0 1 2"},
			{"&status", "", "0 1 2 status"},
			{"&status=false", "", "0 1 2"},
			{"", strconv.Itoa(first), "1 2"},
			{"&after=" + strconv.Itoa(first), "", "1 2"},
			{"&after=" + strconv.Itoa(first), strconv.Itoa(first + 1), "2"}, // the header is the newer one: a browser's at a reconnection
			{"&since=30s", "", "1 2"},
			{"&since=30s", strconv.Itoa(first - 1), "0 1 2"},
			{"&since=1h", "", "0 1 2"},
			{"&since=" + began.Add(time.Second).Format(time.RFC3339), "", "1 2"},
			{"", strconv.Itoa(first + 2), ""},
			{"", "1", "gap 0 1 2"},
			{"", strconv.Itoa(first + 100), "gap 0 1 2"},
		} {
			if got := strings.Join(s.read("/v1/events?follow=false"+c.query, c.lastID), " "); got != c.want {
				t.Errorf("%s after %q: %q, want %q", c.query, c.lastID, got, c.want)
			}
		}
		for _, query := range []string{"since=yesterday", "since=-5m", "since=2026-01-01", "follow=perhaps", "status=2", "after=-1", "after=x", "after=1e5", "after=99999999999999999999"} {
			if answer := s.open("/v1/events?"+query, ""); answer.StatusCode != http.StatusBadRequest {
				t.Errorf("%s is answered with %s", query, answer.Status)
			}
		}
		if answer := s.open("/v1/events", "<script>"); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("a strange id is answered with %s", answer.Status)
		}
		head, err := s.client.Head("http://localhost:9797/v1/events")
		if err != nil || head.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("HEAD: %v %v", head, err)
		}
		if s.streams.open != 0 {
			t.Errorf("%d streams are open after the last one has ended", s.streams.open)
		}
	})
}

// A stream outlives every time limit of the server, and shows that it lives.
func TestStreamIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newFixed(t, nil))
		body := bufio.NewReader(s.open("/v1/events", "").Body)
		go func() {
			time.Sleep(time.Hour)
			s.append(1)
		}()
		for comments := 0; ; comments++ {
			m, err := next(body)
			if err != nil {
				t.Fatal(err)
			}
			if !m.comment {
				if want := int(time.Hour / heartbeat); m.event(t).Kind != "worker ready" || comments < want-1 || comments > want {
					t.Errorf("%+v after %d comments, want %d", m, comments, want)
				}
				return
			}
		}
	})
}

// HTTP/2 has deadlines for each stream, which must not end it between two events.
func TestStreamOverHTTP2(t *testing.T) {
	ready := httptest.NewTLSServer(nil) // for its certificate
	config := &tls.Config{Certificates: ready.TLS.Certificates, NextProtos: []string{"h2"}}
	trust := ready.Client().Transport.(*http.Transport).TLSClientConfig
	ready.Close()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Pool: newFixed(t, nil), Metrics: NewMetrics(supervisor.AcceptShared)})
		n := newNetwork()
		server := &http.Server{Handler: s.handler(), WriteTimeout: 30 * time.Second}
		go func() { _ = server.Serve(tls.NewListener(n, config)) }()
		transport := &http.Transport{DialContext: n.dial, TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		defer server.Close()
		answer, err := (&http.Client{Transport: transport}).Get("https://example.com/v1/events")
		if err != nil || answer.ProtoMajor != 2 {
			t.Fatalf("%v %v", answer, err)
		}
		defer answer.Body.Close()
		go func() {
			time.Sleep(10 * time.Minute)
			s.options.Journal.Append(supervisor.Event{Kind: supervisor.PoolStopping})
			s.End()
		}()
		var last message
		for body := bufio.NewReader(answer.Body); err == nil; {
			var m message
			if m, err = next(body); err == nil {
				last = m
			}
		}
		if err != io.EOF || last.name != api.StreamEvent {
			t.Errorf("the stream ended with %v after %+v", err, last)
		}
	})
}

// counted is a pool that counts how often its state is asked for.
type counted struct {
	fixed
	asked *atomic.Int64
}

func (c counted) Status() *supervisor.Status {
	c.asked.Add(1)
	return c.fixed.Status()
}

func TestStreamOfStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := counted{newFixed(t, &supervisor.Status{Desired: 5}), new(atomic.Int64)}
		s := serve(t, pool)
		var told [3]atomic.Int64
		var bodies []io.Closer
		for i := range told {
			body := s.open("/v1/events?status", "").Body
			bodies = append(bodies, body)
			go func() {
				for r := bufio.NewReader(body); ; {
					m, err := next(r)
					if err != nil {
						return
					}
					if m.name == api.StreamStatus {
						var st api.Status
						if err := json.Unmarshal([]byte(m.data), &st); err != nil || st.Desired != 5 || m.id != "" {
							t.Errorf("%+v: %v", m, err)
						}
						told[i].Add(1)
					}
				}
			}()
		}
		check := func(what string, asked, each int64) {
			t.Helper()
			synctest.Wait()
			if n := pool.asked.Swap(0); n != asked {
				t.Errorf("%s: the status was written down %d times, want %d", what, n, asked)
			}
			for i := range told {
				if n := told[i].Swap(0); n != each {
					t.Errorf("%s: client %d was told %d times, want %d", what, i, n, each)
				}
			}
		}
		check("at once", 1, 1)
		time.Sleep(10*time.Second + time.Millisecond)
		check("ten seconds", 10, 10)
		s.append(1)
		time.Sleep(feedLag + feedLeast)
		check("soon after an event", 1, 1)
		for range 200 { // for two seconds
			s.append(1)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(feedLeast)
		synctest.Wait()
		if n := pool.asked.Load(); n < 9 || n > 11 {
			t.Errorf("while much happened for two seconds the status was told %d times, want 10", n)
		}
		for _, b := range bodies {
			b.Close()
		}
		time.Sleep(time.Minute)
		pool.asked.Store(0)
		time.Sleep(time.Hour)
		if n := pool.asked.Load(); n != 0 {
			t.Errorf("nobody is there, and the status was written down %d times", n)
		}
	})
}

// Who takes nothing is dropped in time and resumes; nobody else notices.
func TestStreamThatIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newFixed(t, nil))
		s.append(3)
		stuck := s.open("/v1/events", "")
		reader := bufio.NewReaderSize(stuck.Body, 16)
		m, err := next(reader) // and nothing after it
		if err != nil {
			t.Fatal(err)
		}
		lively := bufio.NewReader(s.open("/v1/events", m.id).Body)
		s.append(500) // more than the transport's buffer holds
		began := time.Now()
		for last := ""; last != fmt.Sprint(s.journal.Newest()); {
			m, err := next(lively)
			if err != nil {
				t.Fatal(err)
			}
			last = m.id
		}
		go func() { _, _ = io.Copy(io.Discard, lively) }() // the connection has no buffer: a client must go on
		if passed := time.Since(began); passed != 0 {
			t.Errorf("who reads has waited %s for who does not", passed)
		}
		time.Sleep(streamPatience)
		synctest.Wait()
		if s.streams.open != 1 {
			t.Errorf("%d streams are open after the time for who does not read", s.streams.open)
		}
		for err == nil {
			var n message
			if n, err = next(reader); err == nil && n.id != "" {
				m = n
			}
		}
		if err == io.EOF {
			t.Error("a stream that was cut looks like one that has ended")
		}
		told := s.read("/v1/events?follow=false", m.id)
		if last := strconv.Itoa(int(s.journal.Newest() - s.first())); len(told) == 0 || told[len(told)-1] != last {
			t.Errorf("who was dropped does not get to event %s: %v", last, told)
		}
	})
}

// The end of rota is told to who reads, and does not wait for who does not.
func TestStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newFixed(t, nil))
		lively := bufio.NewReader(s.open("/v1/events", "").Body)
		s.open("/v1/events", "") // not read
		synctest.Wait()
		s.append(500)
		s.journal.Append(supervisor.Event{Kind: supervisor.PoolStopping})
		ended := make(chan time.Duration)
		go func() {
			began := time.Now()
			s.End()
			ended <- time.Since(began)
		}()
		var last message
		for {
			m, err := next(lively)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			last = m
		}
		if last.event(t).Kind != string(supervisor.PoolStopping) {
			t.Errorf("the last that was told is %+v", last)
		}
		if took := <-ended; took != farewell {
			t.Errorf("the end took %s, want %s", took, farewell)
		}
		if answer := s.open("/v1/events", ""); answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a stream at the end is answered with %s", answer.Status)
		}
	})
}

func TestTooManyStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, newFixed(t, nil))
		const most = mostStreams - reservedStreams
		for range most {
			if answer := s.open("/v1/events", ""); answer.StatusCode != http.StatusOK {
				t.Fatal(answer.Status)
			}
		}
		answer := s.open("/v1/events", "")
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != "2" {
			t.Errorf("one more is answered with %s %v", answer.Status, answer.Header)
		}
		for local := range reservedStreams + 1 { // they come over the control socket
			if admitted := s.streams.enter(true); admitted != (local < reservedStreams) {
				t.Errorf("operator %d: %v", local, admitted)
			}
		}
		for range reservedStreams {
			s.streams.leave()
		}
	})
}
