package listener

import (
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// steered holds addresses in steered mode, with workers from 1 up in their seats.
func steeredSet(t *testing.T, workers int, addresses ...string) *Set {
	t.Helper()
	s := hold(t, addresses...)
	if err := s.KeepSteered(); err != nil {
		t.Fatal(err)
	}
	for user := 1; user <= workers; user++ {
		seatOf(t, s, uint64(user))
	}
	return s
}

func seatOf(t *testing.T, s *Set, user uint64) []*Socket {
	t.Helper()
	sockets, err := s.Seat(user)
	if err != nil {
		t.Fatal(err)
	}
	return sockets
}

func steer(t *testing.T, s *Set, weights map[uint64]int) {
	t.Helper()
	if err := s.Steer(weights); err != nil {
		t.Fatal(err)
	}
}

// connect makes connections that nobody accepts, from whose queue it tells where
// they went. The kernel keeps them there when the client has gone.
func connect(t *testing.T, address string, n int) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.(*net.TCPConn).SetLinger(0) // nothing is left of it at the client's end
		conn.Close()
	}
}

// waiting is how many connections wait at each worker's seat.
func waitingAt(s *Set, workers int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []int
	for user := 1; user <= workers; user++ {
		n := 0
		if i := s.steering.of(uint64(user)); i >= 0 {
			n = s.steering.waiting(i)
		}
		all = append(all, n)
	}
	return all
}

// chances runs a program for every random number that makes a difference, in the
// machine of the library, which has none of its own.
func chances(t testing.TB, p []bpf.Instruction) map[int]int {
	t.Helper()
	total := p[1].(bpf.ALUOpConstant).Val
	got := map[int]int{}
	for r := range total {
		p[0] = bpf.LoadConstant{Dst: bpf.RegA, Val: r}
		vm, err := bpf.NewVM(p)
		if err != nil {
			t.Fatal(err)
		}
		index, err := vm.Run([]byte{0})
		if err != nil {
			t.Fatal(err)
		}
		got[index]++
	}
	return got
}

func TestProgramChoosesInProportion(t *testing.T) {
	many := func(n int, weight func(int) int) []int {
		w := make([]int, n)
		for i := range w {
			w[i] = weight(i)
		}
		return w
	}
	for name, c := range map[string]struct {
		weights []int
		most    int // instructions
	}{
		"one":                  {[]int{1}, 3},
		"the second":           {[]int{0, 7}, 3},
		"two alike":            {[]int{5, 5}, 6},
		"three to one":         {[]int{3, 1}, 5},
		"a gap":                {[]int{1, 1, 0, 1, 1}, 11},
		"no weight at the end": {[]int{0, 2, 2, 0, 0}, 6},
		"a thousand alike":     {many(1000, func(int) int { return 1 }), 6},
		"all but one":          {many(1000, func(i int) int { return min(1, i%500) }), 16},
		"a thousand apart":     {many(1000, func(i int) int { return 1 + i%2 }), mostInstructions / 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := program(c.weights)
			if len(p) > c.most {
				t.Errorf("%d instructions, want at most %d", len(p), c.most)
			}
			if _, err := bpf.Assemble(p); err != nil {
				t.Fatal(err)
			}
			got := chances(t, p)
			for i, w := range c.weights {
				if got[i] != w {
					t.Errorf("index %d is chosen %d times, want %d", i, got[i], w)
				}
			}
		})
	}
	if p := program([]int{0, 0}); p != nil {
		t.Errorf("a program that chooses from none: %v", p)
	}
}

func FuzzProgram(f *testing.F) {
	f.Add([]byte{1, 0, 3})
	f.Add([]byte{255, 255, 1, 1, 0, 0, 9})
	f.Fuzz(func(t *testing.T, data []byte) {
		weights := make([]int, min(len(data), 40))
		for i := range weights {
			weights[i] = int(data[i])
		}
		p := program(weights)
		if p == nil {
			if slices.Max(append(weights, 0)) > 0 {
				t.Errorf("%v: none", weights)
			}
			return
		}
		if _, err := bpf.Assemble(p); err != nil || len(p) > mostInstructions {
			t.Fatalf("%v: %d instructions, %v", weights, len(p), err)
		}
		got := chances(t, p)
		for i, w := range weights {
			if got[i] != w {
				t.Errorf("%v: index %d is chosen %d times", weights, i, got[i])
			}
		}
	})
}

func TestSteerByWeight(t *testing.T) {
	for _, address := range []string{"127.0.0.1:%d", "[::1]:%d", ":%d"} {
		t.Run(address, func(t *testing.T) {
			address := fmt.Sprintf(address, port(t))
			s := steeredSet(t, 4, address)
			steer(t, s, map[uint64]int{1: 3, 3: 1})
			const n = 2000
			for _, to := range []string{"127.0.0.1", "::1"} {
				if strings.HasPrefix(address, ":") {
					connect(t, net.JoinHostPort(to, address[1:]), n/2)
				} else if to == "::1" {
					connect(t, address, n)
				}
			}
			got := waitingAt(s, 4)
			if got[1] != 0 || got[3] != 0 || got[0]+got[2] != n {
				t.Errorf("%v wait; want %d at the first and third alone", got, n)
			}
			// Six standard deviations of the binomial distribution.
			if off, most := math.Abs(float64(got[2])-n/4.0), 6*math.Sqrt(n*0.25*0.75); off > most {
				t.Errorf("%d of %d went to a quarter of the weight, off by more than %.0f", got[2], n, most)
			}
			if length, _, ok := s.Queue(s.Served()[0]); !ok || length != n {
				t.Errorf("%d wait in all, %v; want %d", length, ok, n)
			}
		})
	}
}

func TestManySeats(t *testing.T) {
	const workers = 500
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, workers, address)
	apart := map[uint64]int{}
	for user := uint64(1); user <= workers; user += 2 {
		apart[user] = 1 + int(user%1000)
	}
	steer(t, s, apart)
	connect(t, address, workers)
	for i, n := range waitingAt(s, workers) {
		if i%2 == 1 && n > 0 {
			t.Errorf("%d wait at worker %d, which is not steered to", n, i+1)
		}
	}
	for user := uint64(1); user <= workers; user += 7 {
		before := waitingAt(s, workers)
		steer(t, s, map[uint64]int{user: 1})
		connect(t, address, 1)
		before[user-1]++
		if after := waitingAt(s, workers); !slices.Equal(before, after) {
			t.Fatalf("a connection for worker %d went elsewhere", user)
		}
	}
}

// From the moment that Steer returns, nothing lands where it is not steered to.
func TestSteerAway(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 2, address)
	for i := range 200 {
		to := uint64(1 + i%2)
		steer(t, s, map[uint64]int{to: 1})
		before := waitingAt(s, 2)
		connect(t, address, 10)
		before[to-1] += 10
		if after := waitingAt(s, 2); !slices.Equal(before, after) {
			t.Fatalf("after change %d there wait %v, want %v", i, after, before)
		}
	}
}

func TestNobodyToSteerTo(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 0, address)
	connect(t, address, 10)
	if n := len(s.Served()); n != 1 {
		t.Errorf("%d addresses are served", n)
	}
	// What came before any worker is taken over by the first two.
	seatOf(t, s, 1)
	seatOf(t, s, 2)
	if got := waitingAt(s, 2); got[0]+got[1] != 10 || got[0] < got[1] {
		t.Errorf("%v wait at the first seats, want all 10, and more at the first", got)
	}
	// Those that start get what comes, until one is steered to.
	connect(t, address, 10)
	if got := waitingAt(s, 2); got[0]+got[1] != 20 {
		t.Errorf("%v wait at those that start, want 20", got)
	}
	steer(t, s, map[uint64]int{1: 1})
	seatOf(t, s, 3)
	// Who was steered to once gets nothing while there is another.
	before := waitingAt(s, 3)
	steer(t, s, nil)
	connect(t, address, 10)
	after := waitingAt(s, 3)
	if after[0] != before[0] || after[1]+after[2] != before[1]+before[2]+10 {
		t.Errorf("%v wait, %v before; want 10 more at those that start", after, before)
	}
	// With those gone too, seats without a worker keep it for the next.
	s.Release(2)
	s.Release(3)
	connect(t, address, 10)
	if got := waitingAt(s, 1); got[0] != before[0] {
		t.Errorf("%d wait at the worker that was steered away from, want %d", got[0], before[0])
	}
	if length, _, _ := s.Queue(s.Served()[0]); length != 40 {
		t.Errorf("%d wait in all, want 40", length)
	}
}

// A stop-first pool of one worker has another seat for what comes meanwhile, even
// if all seats were taken.
func TestASeatIsOpenedForWhoComesMeanwhile(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 2, address)
	steer(t, s, map[uint64]int{1: 1, 2: 1})
	steer(t, s, nil)
	connect(t, address, 5)
	if got := waitingAt(s, 2); got[0]+got[1] != 0 {
		t.Errorf("%v wait at workers that are leaving", got)
	}
	s.Release(1)
	seatOf(t, s, 3)
	if got := waitingAt(s, 3); got[2] != 5 {
		t.Errorf("%v wait; the next worker should find all 5", got)
	}
}

func TestTheSeatOfACrashedWorkerIsTakenOver(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 3, address)
	steer(t, s, map[uint64]int{2: 1})
	connect(t, address, 7)
	steer(t, s, map[uint64]int{1: 1, 3: 1})
	seat := seatOf(t, s, 2)
	s.Release(1)
	s.Release(2)
	if got := seatOf(t, s, 4); !slices.Equal(got, seat) || waitingAt(s, 4)[3] != 7 {
		t.Errorf("the next worker did not get the seat where 7 wait: %v", waitingAt(s, 4))
	}
}

// A worker may shut its socket down. The kernel then numbers the others anew.
func TestASeatThatWasShutDown(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 5, address)
	steer(t, s, map[uint64]int{1: 1, 3: 1, 4: 1, 5: 1})
	if err := unix.Shutdown(seatOf(t, s, 2)[0].FD(), unix.SHUT_RDWR); err != nil {
		t.Fatal(err)
	}
	for _, user := range []uint64{1, 3, 4, 5} {
		steer(t, s, map[uint64]int{user: 1})
		before := waitingAt(s, 5)
		connect(t, address, 3)
		if after := waitingAt(s, 5); after[user-1] != before[user-1]+3 {
			t.Errorf("3 connections for worker %d: %v wait, %v before", user, after, before)
		}
	}
	s.Release(2)
	seatOf(t, s, 6) // it listens again
	steer(t, s, map[uint64]int{6: 1})
	connect(t, address, 3)
	if got := waitingAt(s, 6); got[5] != 3 {
		t.Errorf("%v wait; want 3 at the last", got)
	}
}

func TestSecondRotaIsRefused(t *testing.T) {
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	steeredSet(t, 2, address)
	a, _ := ParseAddress(address)
	if _, err := open(a); !errors.Is(err, unix.EADDRINUSE) { // as Hold does
		t.Errorf("with a list: %v", err)
	}
	other := hold(t)
	if err := other.KeepSteered(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Claim(request("127.0.0.1", a.Port), 1); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("without a list: %v", err)
	}
}

func TestWhatCannotBeSteered(t *testing.T) {
	s := hold(t, fmt.Sprintf("127.0.0.1:%d", port(t)), "unix:"+t.TempDir()+"/s")
	if err := s.KeepSteered(); err == nil || !strings.Contains(err.Error(), "no TCP address") {
		t.Errorf("a unix socket: %v", err)
	}
	if got := s.Handed(); len(got) != 2 || !slices.Equal(s.Serving(1), got) {
		t.Errorf("after that failed, %v are served", got)
	}
	// One that somebody else made without SO_REUSEADDR, with a connection on it, is
	// one beside which there can be no other.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 10)); err != nil {
		t.Fatal(err)
	}
	s, err = Hold(nil, []int{fd})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := net.Dial("tcp", s.Addresses()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(accepted)
	if err := s.KeepSteered(); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("beside a socket that does not allow another: %v", err)
	}
	connect(t, s.Addresses()[0].String(), 3)
	if n, _, ok := s.Served()[0].Queue(); !ok || n != 3 {
		t.Errorf("%d wait at the only socket, want 3", n)
	}
}

func TestInheritedSocketIsSteered(t *testing.T) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	l, err := plain.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	raw, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	s, err := Hold(nil, []int{dup(t, int(raw.Fd()))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.KeepSteered(); err != nil {
		t.Fatal(err)
	}
	seatOf(t, s, 1)
	seatOf(t, s, 2)
	steer(t, s, map[uint64]int{2: 1})
	connect(t, l.Addr().String(), 20)
	if got := waitingAt(s, 2); got[1] != 20 {
		t.Errorf("%v wait, want 20 at the second", got)
	}
}
