package front_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"rota/listener/front"
)

const (
	upgrading = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\nSec-WebSocket-Key: k\r\n\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nSec-WebSocket-Accept: a\r\n\r\n"
)

// upgrader is a worker that greets right behind its 101, echoes until the client
// has ended its direction, and says bye.
func upgrader(t *testing.T) *script {
	return scripted(t, func(s *script, c *wire) {
		for {
			m, is := s.request(c)
			if !is {
				return
			}
			if m.target() != "/chat" {
				c.send(ok("plain"))
				continue
			}
			expect(t, "Upgrade at the worker", m.value("Upgrade"), "echo")
			expect(t, "Connection at the worker", strings.ToLower(m.value("Connection")), "upgrade")
			expect(t, "key at the worker", m.value("Sec-WebSocket-Key"), "k")
			c.send(switching + "hello")
			_ = c.SetReadDeadline(noDeadline)
			if _, err := io.Copy(c.Conn, c.br); err == nil {
				_ = c.trySend("bye")
			}
			return
		}
	})
}

// upgrade makes a connection that has been greeted.
func (r *rig) upgrade() *wire {
	r.Helper()
	c := r.dial()
	c.send(upgrading)
	m := c.head()
	expect(r.TB, "status", m.code(), 101)
	expect(r.TB, "Upgrade", m.value("Upgrade"), "echo")
	expect(r.TB, "Connection", strings.ToLower(m.value("Connection")), "upgrade")
	expect(r.TB, "Sec-WebSocket-Accept", m.value("Sec-WebSocket-Accept"), "a")
	c.expectText("hello")
	return c
}

func TestUpgrade(t *testing.T) {
	r := start(t, short)
	r.add(1, 3, upgrader(t).addr)
	c := r.upgrade()
	expect(t, "in flight", r.worker(1).InFlight, 1)
	for _, s := range []string{"one", "two\r\n\r\n", "\x00\xff"} {
		c.send(s)
		c.expectText(s)
	}
	c.expectSilence(2 * shortly) // no limit of HTTP ends what is none
	large := strings.Repeat("0123456789abcdef", 1<<16)
	go func() { _ = c.trySend(large) }()
	c.expectText(large)
	c.closeWrite()
	c.expectText("bye")
	c.expectEnd()
	a := r.answer()
	expect(t, "kind", a.Kind, front.KindUpgrade)
	expect(t, "code", a.Code, 101)
	expect(t, "slot", a.Slot, 3)
	expect(t, "cut", a.Cut, false)
	expect(t, "failure", a.Failure, "")
	r.awaitInFlight(1, 0)
}

// The other half: the worker ends its direction, and still reads.
func TestUpgradeHalfClosedByWorker(t *testing.T) {
	got := make(chan string, 1)
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		if _, is := s.request(c); is {
			c.send(switching + "hello")
			c.closeWrite()
			_ = c.SetReadDeadline(time.Now().Add(patience))
			b, _ := io.ReadAll(c.br)
			got <- string(b)
		}
	}).addr)
	c := r.upgrade()
	c.expectEnd()
	c.send("last words")
	c.closeWrite()
	expect(t, "the worker read", receive(t, "the end at the worker", got), "last words")
}

// What comes behind the request is for the other protocol, and waits for the 101.
func TestUpgradeWithBytesBehind(t *testing.T) {
	r := start(t)
	r.add(1, 0, upgrader(t).addr)
	c := r.dial()
	c.send(upgrading + "early")
	expect(t, "status", c.head().code(), 101)
	c.expectText("helloearly")
}

func TestUpgradeRefused(t *testing.T) {
	r := start(t)
	r.add(1, 0, replying(t, func(m message) string { return reply("400 Bad Request", "no") }).addr)
	c := r.dial()
	for range 2 {
		c.send(upgrading)
		a := c.answer("GET")
		expect(t, "code", a.code(), 400)
		expect(t, "body", a.body, "no")
		expect(t, "kind", r.answer().Kind, front.KindRequest)
	}
}

func TestUpgradeEndsWithClient(t *testing.T) {
	gone := make(chan error, 1)
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		if _, is := s.request(c); is {
			c.send(switching + "hello")
			_ = c.SetReadDeadline(time.Now().Add(patience))
			_, err := io.Copy(io.Discard, c.br)
			gone <- err
		}
	}).addr)
	c := r.upgrade()
	c.reset()
	if err := receive(t, "the end at the worker", gone); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the worker's connection outlives the client's")
	}
	expect(t, "cut", r.answer().Cut, false)
}

func TestUpgradeEndsWithWorker(t *testing.T) {
	crash := make(chan struct{})
	r := start(t)
	r.add(1, 0, scripted(t, func(s *script, c *wire) {
		if _, is := s.request(c); is {
			c.send(switching + "hello")
			wait(t, crash)
			c.reset()
		}
	}).addr)
	c := r.upgrade()
	close(crash)
	if !c.ended() {
		t.Error("the client's connection outlives the worker's")
	}
}

// A retired worker is not idle as long as a connection is upgraded; Cut ends it.
func TestUpgradeCut(t *testing.T) {
	r := start(t)
	r.add(1, 7, upgrader(t).addr)
	one, two := r.upgrade(), r.upgrade()
	expect(t, "plain", r.get("/").body, "plain")
	expect(t, "kind", r.answer().Kind, front.KindRequest)
	idle := r.retire(1)
	one.send("still here")
	one.expectText("still here")
	select {
	case <-idle:
		t.Fatal("a worker with two upgraded connections was told idle")
	default:
	}
	expect(t, "in flight", r.worker(1).InFlight, 2)
	requests, upgrades := r.front.Cut(1)
	expect(t, "requests cut", requests, 0)
	expect(t, "upgrades cut", upgrades, 2)
	for _, c := range []*wire{one, two} {
		if !c.ended() {
			t.Error("a cut connection is open")
		}
		a := r.answer()
		expect(t, "kind", a.Kind, front.KindUpgrade)
		expect(t, "cut", a.Cut, true)
		expect(t, "slot", a.Slot, 7)
		expect(t, "code", a.Code, 101)
	}
	receive(t, "an idle worker", idle)
}

// Close waits for upgraded connections: they are clients.
func TestUpgradeOutlivesClose(t *testing.T) {
	r := start(t)
	r.add(1, 0, upgrader(t).addr)
	c := r.upgrade()
	done := r.closing()
	c.send("still here")
	c.expectText("still here")
	select {
	case <-done:
		t.Error("Close was done with an upgraded connection left")
	default:
	}
	c.closeWrite()
	c.expectText("bye")
	c.expectEnd()
	receive(t, "the end of Close", done)
}
