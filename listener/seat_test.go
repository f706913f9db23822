package listener

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func claimFor(t *testing.T, s *Set, r Request, user uint64) *Socket {
	t.Helper()
	h, err := s.Claim(r, user)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func listenOn(t *testing.T, s *Set, sockets ...*Socket) {
	t.Helper()
	for _, h := range sockets {
		if err := s.Listen(h); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheFirstAddressThatAnyoneBindsIsSteered(t *testing.T) {
	s := steeredSet(t, 3)
	p, metrics := port(t), port(t)
	address := fmt.Sprintf("127.0.0.1:%d", p)
	first := claimFor(t, s, request("127.0.0.1", p), 1)
	second := claimFor(t, s, request("127.0.0.1", p), 2)
	if first == second || claimFor(t, s, request("127.0.0.1", p), 1) != first {
		t.Fatal("a seat is not a worker's own")
	}
	if got := s.Served(); len(got) != 1 || got[0] != first || len(s.Handed()) != 0 {
		t.Errorf("%v are served, want the first socket", got)
	}
	if !slices.Equal(s.Serving(2), []*Socket{second}) || !s.ServesFrom(2, second) || s.ServesFrom(1, second) || s.Serving(4) != nil {
		t.Error("a worker is not seen to serve from its seat alone")
	}
	if s.ByInode(second.Inode()) != second || s.ByInode(0) != nil {
		t.Error("a seat is not found by its inode")
	}
	shared := claimFor(t, s, request("127.0.0.1", metrics), 1)
	if claimFor(t, s, request("127.0.0.1", metrics), 2) != shared || s.ServesFrom(1, shared) {
		t.Error("what is bound beside it is not shared")
	}
	// Nobody is to wait where no worker may ever be.
	if _, err := net.Dial("tcp", address); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("before anybody listens: %v", err)
	}
	if _, _, ok := s.Queue(first); ok {
		t.Error("there is a queue before anybody listens")
	}
	listenOn(t, s, second, shared) // the later one is the first to listen
	connect(t, address, 5)
	listenOn(t, s, first)
	steer(t, s, map[uint64]int{1: 1, 3: 1}) // the third has not got so far
	connect(t, address, 5)
	if got := waitingAt(s, 3); !slices.Equal(got, []int{5, 5, 0}) {
		t.Errorf("%v wait, want 5 at each that listens", got)
	}
	s.Release(1)
	s.Release(2)
	if s.ByInode(shared.Inode()) == nil {
		// It goes with the last worker that has it.
	} else {
		t.Error("what was shared is held without a worker")
	}
	seatOf(t, s, 4)
	if h := claimFor(t, s, request("127.0.0.1", p), 4); h != first && h != second {
		t.Error("a later worker does not take a seat over")
	}
}

func TestLocalhostInBothFamiliesIsSteered(t *testing.T) {
	s := steeredSet(t, 2)
	p := port(t)
	seen := map[*Socket]bool{}
	for user := uint64(1); user <= 2; user++ {
		for _, r := range []Request{request("::1", p, "v6", "only"), request("127.0.0.1", p)} {
			h := claimFor(t, s, r, user)
			seen[h] = true
			listenOn(t, s, h)
		}
	}
	if len(seen) != 4 || len(s.Addresses()) != 2 || len(s.Serving(1)) != 2 {
		t.Fatalf("%d sockets at %v", len(seen), s.Addresses())
	}
	steer(t, s, map[uint64]int{2: 1})
	connect(t, fmt.Sprintf("127.0.0.1:%d", p), 10)
	connect(t, fmt.Sprintf("[::1]:%d", p), 10)
	if got := waitingAt(s, 2); !slices.Equal(got, []int{0, 20}) {
		t.Errorf("%v wait, want 20 at the second worker", got)
	}
}

func TestSeatsOfAProgramThatSpeaksIPv4Alone(t *testing.T) {
	p := port(t)
	s := steeredSet(t, 2, fmt.Sprintf(":%d", p))
	for user := uint64(1); user <= 2; user++ {
		h := claimFor(t, s, request("0.0.0.0", p), user)
		if domain(t, h.FD()) != unix.AF_INET || !s.ServesFrom(user, h) {
			t.Errorf("worker %d has a socket of family %d", user, domain(t, h.FD()))
		}
		listenOn(t, s, h)
	}
	if got := s.Addresses(); len(got) != 1 || got[0].String() != fmt.Sprintf("0.0.0.0:%d", p) {
		t.Errorf("%v is served", got)
	}
	for user := uint64(1); user <= 3; user++ {
		if user == 3 { // a later worker inherits what the program can use
			if got := seatOf(t, s, 3); len(got) != 1 || domain(t, got[0].FD()) != unix.AF_INET {
				t.Errorf("a later worker inherits %v", got)
			}
		}
		steer(t, s, map[uint64]int{user: 1})
		before := waitingAt(s, 3)
		connect(t, fmt.Sprintf("127.0.0.1:%d", p), 5)
		before[user-1] += 5
		if after := waitingAt(s, 3); !slices.Equal(before, after) {
			t.Errorf("%v wait, want %v", after, before)
		}
	}
	// Dual-stack is gone for good, for a program that asks for it too.
	if h := claimFor(t, s, request("::", p, "v6", "dual"), 3); domain(t, h.FD()) != unix.AF_INET || !s.ServesFrom(3, h) {
		t.Error("a program that asks for both has not got its seat")
	}
}

func TestSeveralAddressesOfASeat(t *testing.T) {
	a, b := fmt.Sprintf("127.0.0.1:%d", port(t)), fmt.Sprintf("[::1]:%d", port(t))
	s := steeredSet(t, 0, a, b)
	got := seatOf(t, s, 1)
	if len(got) != 2 || got[0].Address().String() != a || got[1].Address().String() != b {
		t.Fatalf("a worker inherits %v", got)
	}
	if again := seatOf(t, s, 1); !slices.Equal(again, got) {
		t.Error("a worker has two seats")
	}
	seatOf(t, s, 2)
	steer(t, s, map[uint64]int{1: 1})
	connect(t, a, 3)
	connect(t, b, 3)
	if got := waitingAt(s, 2); !slices.Equal(got, []int{6, 0}) {
		t.Errorf("%v wait", got)
	}
	// The next on a seat inherits a socket as the first did: one that blocks.
	if err := unix.SetNonblock(got[0].FD(), true); err != nil {
		t.Fatal(err)
	}
	s.Release(1)
	if next := seatOf(t, s, 3); next[0] != got[0] {
		t.Error("the seat where connections wait is not given first")
	}
	if flags, err := unix.FcntlInt(uintptr(got[0].FD()), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v; want it to block", flags, err)
	}
}

func TestBusy(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 1, address)
	me := []int{os.Getpid()}
	busy := func() int {
		n, err := s.Busy(me)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	client, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	fd, _, err := unix.Accept(seatOf(t, s, 1)[0].FD())
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	accepted := time.Now()
	// It is about to send.
	if n := busy(); n != 1 && time.Since(accepted) < newPatience {
		t.Errorf("%d busy, of one that is new", n)
	}
	waitFor(t, "taken for idle", func() bool { return busy() == 0 })
	if since := time.Since(accepted); since < newPatience-2*tick {
		t.Errorf("taken for idle after %v, without a byte", since)
	}
	buf := make([]byte, 4)
	for i := range 30 {
		// What follows upon each other at once falls into one tick of the kernel's.
		if _, err := client.Write([]byte("ask!")); err != nil {
			t.Fatal(err)
		}
		if n := busy(); n != 1 {
			t.Fatalf("exchange %d: %d busy, with a request that was not read", i, n)
		}
		if _, err := unix.Read(fd, buf); err != nil {
			t.Fatal(err)
		}
		if n := busy(); n != 1 {
			t.Fatalf("exchange %d: %d busy, with a request that was read", i, n)
		}
		if i%10 == 0 { // it is, however long that takes
			time.Sleep(piecesPatience + 2*tick)
			if n := busy(); n != 1 {
				t.Fatalf("exchange %d: %d busy, with a request that takes long", i, n)
			}
		}
		if _, err := unix.Write(fd, buf); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(buf); err != nil {
			t.Fatal(err)
		}
		answered := time.Now()
		if n := busy(); n != 1 && time.Since(answered) < piecesPatience-2*tick {
			t.Fatalf("exchange %d: %d busy, right after an answer", i, n)
		}
		if i%10 == 0 {
			waitFor(t, "taken for idle after an answer", func() bool { return busy() == 0 })
		}
	}
}
