package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"rota/integration/load"

	"golang.org/x/sys/unix"
)

// idleClients is the memory that clients take whose connections are kept and idle.
func (b *bench) idleClients() ([]table, []string, error) {
	clients := 10_000
	if b.quick {
		clients = 2_000
	}
	// The soft limit is no matter: Go raises it, and so do the proxies.
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, nil, err
	}
	if need := uint64(clients + 1000); limit.Max < need {
		return nil, []string{fmt.Sprintf("idle clients: only %d open files are allowed, and they need %d", limit.Max, need)}, nil
	}
	w := want{workers: 2, app: "hello"}
	entries, missing := b.installed(append([]*entry{{contender: rota("front"), want: w}}, proxyPeers(w)...))
	s := newSheet("", column{"before, MiB", 1}, column{"with them, MiB", 1}, column{"KiB for each", 1})
	for _, e := range entries {
		err := b.all([]*entry{e}, 0, func([]*entry) error {
			before := rssOf(e.pool.supervisors())
			conns, err := idle(e.pool.addr, clients)
			defer func() {
				for _, c := range conns {
					c.Close()
				}
			}()
			if err != nil {
				return fmt.Errorf("%s: %w", e.name(), err)
			}
			// What the last requests left behind is freed or not by then.
			if err := b.pause(2 * time.Second); err != nil {
				return err
			}
			after := rssOf(e.pool.supervisors())
			for i, c := range conns {
				if err := stillOpen(c); err != nil {
					return fmt.Errorf("%s: connection %d of %d is not kept: %w", e.name(), i, clients, err)
				}
			}
			s.put(e.name(), "before, MiB", before)
			s.put(e.name(), "with them, MiB", after)
			s.put(e.name(), "KiB for each", (after-before)*1024/float64(clients))
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	t := s.table()
	t.title = fmt.Sprintf("%d idle clients", clients)
	t.how = "Each has had one answer and keeps its connection. Resident memory of what accepts them, once."
	return []table{t}, missing, nil
}

// idle opens connections, a few at a time, and makes a request on each. They are
// closed with a reset, so that no port is kept for them.
func idle(addr string, clients int) ([]net.Conn, error) {
	const atOnce = 50
	conns, errs := make([]net.Conn, clients), make([]error, atOnce)
	var connecting sync.WaitGroup
	for first := range atOnce {
		connecting.Go(func() {
			for i := first; i < clients && errs[first] == nil; i += atOnce {
				// Ports are enough for all with several addresses to come from.
				dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%4))}, Timeout: patience}
				conn, err := dialer.Dial("tcp4", addr)
				if err == nil {
					conns[i] = conn
					_ = conn.(*net.TCPConn).SetLinger(0)
					err = load.NewTerse(conn, addr, true).Ask()
				}
				errs[first] = err
			}
		})
	}
	connecting.Wait()
	return slices.DeleteFunc(conns, func(c net.Conn) bool { return c == nil }), errors.Join(errs...)
}

// stillOpen finds out whether a connection on which nothing is to come was closed
// by the other side.
func stillOpen(conn net.Conn) error {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var peeked error
	err = raw.Control(func(fd uintptr) {
		n, _, peeked = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	switch {
	case err != nil:
		return err
	case errors.Is(peeked, unix.EAGAIN):
		return nil
	case peeked != nil:
		return peeked
	}
	return fmt.Errorf("closed, or %d bytes came that nobody asked for", n)
}
