package listener

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serveSeat is a server that knows of no stop signal: this test binary, executed
// again. It answers each line with its pid, after the time that the line says.
func serveSeat() {
	l, err := net.FileListener(os.NewFile(3, "seat"))
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				delay, _ := time.ParseDuration(lines.Text())
				time.Sleep(delay)
				fmt.Fprintf(conn, "%10d\n", os.Getpid())
			}
		}()
	}
}

// worker is such a server in its seat.
type worker struct {
	user uint64
	cmd  *exec.Cmd
}

func (w worker) pid() int { return w.cmd.Process.Pid }

func startWorker(t *testing.T, s *Set, user uint64) worker {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ROTA_TEST_SEAT=1")
	file := os.NewFile(uintptr(dup(t, seatOf(t, s, user)[0].FD())), "seat")
	defer file.Close()
	cmd.ExtraFiles = []*os.File{file}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return worker{user, cmd}
}

// ask makes a request of its own connection, and returns the pid that answered.
func ask(address string, delay time.Duration) (pid int, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetLinger(0) // a port for each would be held for a minute
	return askOn(conn, delay)
}

func askOn(conn net.Conn, delay time.Duration) (pid int, err error) {
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := fmt.Fprintln(conn, delay); err != nil {
		return 0, err
	}
	buf := make([]byte, 11)
	if _, err := io.ReadFull(conn, buf); err != nil {
		return 0, err
	}
	_, err = fmt.Sscan(string(buf), &pid)
	return pid, err
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never %s", what)
		}
	}
}

// quiet waits as rota does before it tells a worker to stop.
func quiet(t *testing.T, s *Set, w worker) {
	t.Helper()
	waitFor(t, "settled", func() bool { return s.Settled(w.user) })
	waitFor(t, "without a connection under way", func() bool {
		n, err := s.Busy([]int{w.pid()})
		if err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
}

// Clients that never try again, a server that dies of the signal, and a hundred
// changes of who is steered to, every fourth of which is the end of a worker.
func TestNothingIsLostWhileWorkersChange(t *testing.T) {
	const changes, clients = 100, 4
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 0, address)
	workers := []worker{startWorker(t, s, 1), startWorker(t, s, 2)}
	next := uint64(3)
	steer(t, s, map[uint64]int{1: 1, 2: 1})
	var served atomic.Int64
	var done sync.WaitGroup
	quit := make(chan struct{})
	for range clients {
		done.Go(func() {
			for {
				select {
				case <-quit:
					return
				default:
				}
				if _, err := ask(address, 5*time.Millisecond); err != nil {
					t.Errorf("a request failed: %v", err)
				} else {
					served.Add(1)
				}
			}
		})
	}
	stop := sync.OnceFunc(func() { close(quit); done.Wait() })
	defer stop()
	for change := range changes {
		before := served.Load()
		if change%4 != 0 {
			steer(t, s, map[uint64]int{workers[change%2].user: 1 + change%3})
			waitFor(t, "served by one", func() bool { return served.Load() > before || t.Failed() })
			continue
		}
		fresh := startWorker(t, s, next)
		next++
		old := workers[0]
		workers = []worker{workers[1], fresh}
		steer(t, s, map[uint64]int{workers[0].user: 1, workers[1].user: 1})
		quiet(t, s, old)
		_ = old.cmd.Process.Signal(unix.SIGTERM)
		_ = old.cmd.Wait()
		s.Release(old.user)
	}
	stop()
	if n := len(s.steering.seats); n != 3 {
		t.Errorf("%d seats for two workers and one that comes beside them, want 3", n)
	}
	t.Logf("%d requests", served.Load())
}

func TestWhatWaitsAtACrashedWorkerIsServed(t *testing.T) {
	for _, way := range []string{"by the next on the seat", "by those that are there"} {
		t.Run(way, func(t *testing.T) {
			const n = 20
			address := fmt.Sprintf("127.0.0.1:%d", port(t))
			s := steeredSet(t, 0, address)
			steady, crashing := startWorker(t, s, 1), startWorker(t, s, 2)
			steer(t, s, map[uint64]int{2: 1})
			// It accepts no more, as one that is busy or hangs.
			_ = crashing.cmd.Process.Signal(unix.SIGSTOP)
			waitFor(t, "stopped", func() bool {
				var status unix.WaitStatus
				pid, err := unix.Wait4(crashing.pid(), &status, unix.WUNTRACED|unix.WNOHANG, nil)
				return err == nil && pid == crashing.pid() && status.Stopped()
			})
			got := make(chan int, n)
			for range n {
				go func() {
					pid, err := ask(address, 0)
					if err != nil {
						t.Errorf("a request that waited: %v", err)
					}
					got <- pid
				}()
			}
			waitFor(t, "all waiting", func() bool { return waitingAt(s, 2)[1] == n })
			_ = crashing.cmd.Process.Kill()
			_ = crashing.cmd.Wait()
			steer(t, s, map[uint64]int{1: 1})
			s.Release(2)
			want := steady.pid()
			if way == "by those that are there" {
				if relayed := s.Relay(); relayed != n {
					t.Errorf("%d relayed, want %d", relayed, n)
				}
				if relayed := s.Relay(); relayed != 0 {
					t.Errorf("%d relayed again", relayed)
				}
			} else {
				want = startWorker(t, s, 3).pid()
			}
			for range n {
				if pid := <-got; pid != want {
					t.Errorf("answered by %d, want %d", pid, want)
				}
			}
		})
	}
}

// Kept connections of clients that hardly pause are ended between two requests, so
// that the worker gets quiet.
func TestCloseIdle(t *testing.T) {
	const clients = 4
	address := fmt.Sprintf("127.0.0.1:%d", port(t))
	s := steeredSet(t, 0, address)
	old, other := startWorker(t, s, 1), startWorker(t, s, 2)
	steer(t, s, map[uint64]int{old.user: 1})
	idle, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if _, err := askOn(idle, 0); err != nil {
		t.Fatal(err)
	}
	var by sync.Map // how many answers, by pid
	var done sync.WaitGroup
	quit := make(chan struct{})
	for range clients {
		done.Go(func() {
			var conn net.Conn
			for {
				select {
				case <-quit:
					return
				case <-time.After(20 * time.Millisecond): // this is the client's pause
				}
				if conn != nil && closedByPeer(conn) {
					conn.Close()
					conn = nil
				}
				if conn == nil {
					var err error
					if conn, err = net.Dial("tcp", address); err != nil {
						t.Error(err)
						return
					}
					defer conn.Close()
				}
				pid, err := askOn(conn, 5*time.Millisecond)
				if err != nil {
					conn = nil // it came while the server closed, which a busy machine may take its time for
					continue
				}
				n, _ := by.LoadOrStore(pid, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
			}
		})
	}
	defer func() { close(quit); done.Wait() }()
	answers := func(w worker) int64 {
		n, ok := by.Load(w.pid())
		if !ok {
			return 0
		}
		return n.(*atomic.Int64).Load()
	}
	waitFor(t, "at work", func() bool { return answers(old) > 2*clients })
	steer(t, s, map[uint64]int{other.user: 1})
	closed := 0
	waitFor(t, "left by all its clients", func() bool {
		n, err := s.CloseIdle([]int{old.pid()})
		if err != nil {
			t.Fatal(err)
		}
		closed += n
		left, err := s.Accepted([]int{old.pid()})
		if err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	if closed != clients+1 {
		t.Errorf("%d were told, want each of %d once", closed, clients+1)
	}
	if !closedByPeer(idle) {
		t.Error("an idle connection is open")
	}
	waitFor(t, "served by the other", func() bool { return answers(other) > 2*clients })
	if n, err := s.Busy([]int{old.pid()}); n != 0 || err != nil {
		t.Errorf("%d busy, %v", n, err)
	}
}

// closedByPeer tells whether the other end has closed, as clients look before they
// use a kept connection.
func closedByPeer(conn net.Conn) bool {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	_ = raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err == unix.ECONNRESET
	})
	return closed
}

// An answer counts as whole only if those to the two requests before it were as long,
// and all three were seen to begin.
func TestAnswersAreKnownByTheirLength(t *testing.T) {
	type look struct {
		in, out           uint32
		pending, answered bool
	}
	alike := []look{{1, 0, true, false}, {1, 1, false, false}, {2, 1, true, false}, {2, 2, false, false}, {3, 2, true, false}, {3, 3, false, false}, {4, 3, true, false}}
	for name, looks := range map[string][]look{
		"a first answer":        {{1, 0, true, false}, {1, 1, false, false}, {1, 1, false, false}},
		"like the two before":   append(slices.Clone(alike), look{4, 4, false, true}),
		"longer than those":     append(slices.Clone(alike), look{4, 4, false, true}, look{4, 5, false, true}),
		"shorter than those":    {{1, 0, true, false}, {1, 2, false, false}, {2, 2, true, false}, {2, 4, false, false}, {3, 4, true, false}, {3, 6, false, false}, {4, 6, true, false}, {4, 7, false, false}, {4, 8, false, true}},
		"of different lengths":  {{1, 0, true, false}, {1, 1, false, false}, {2, 1, true, false}, {2, 2, false, false}, {3, 2, true, false}, {3, 4, false, false}, {4, 4, true, false}, {4, 5, false, false}, {4, 6, false, false}},
		"whose request is long": append(slices.Clone(alike), look{5, 3, true, false}, look{6, 3, true, false}, look{6, 4, false, true}),
		"not seen to begin":     append(slices.Clone(alike), look{4, 4, false, true}, look{5, 5, false, false}, look{5, 6, false, false}),
	} {
		t.Run(name, func(t *testing.T) {
			var seen exchange
			for i, l := range looks {
				c := connection{}
				c.info.Data_segs_in, c.info.Data_segs_out = l.in, l.out
				seen = c.since(seen, i > 0, time.Now())
				if got := !seen.pending && seen.answered(); seen.pending != l.pending || got != l.answered {
					t.Errorf("look %d: pending %v, answered %v; want %v, %v", i, seen.pending, got, l.pending, l.answered)
				}
			}
		})
	}
}
