package listener

import (
	"fmt"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Hush lets no new connection begin, on any socket that is served, for as long as
// rota lives: a client's SYN is dropped, so that the client tries again, a second
// later at first, and then finds who serves by then or is refused. Handshakes under
// way end, and what waits to be accepted stays. Closing the sockets instead would
// reset what waits.
func (s *Set) Hush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.steering
	if st == nil {
		return fmt.Errorf("internal error: to hush without steering")
	}
	for _, g := range st.groups {
		for _, h := range g.all() {
			if err := hush(h.fd); err != nil {
				return fmt.Errorf("cannot hold back new connections to %s: %w", g.address, err)
			}
		}
	}
	st.hushed = true
	for i, seat := range st.seats {
		st.shut(seat)
		for _, g := range st.groups {
			if h := g.at(i); h != nil {
				h.open = false
			}
		}
	}
	return nil
}

// silence is the program that Hush gives a listening socket. The kernel shows it
// each TCP segment for the socket, from the TCP header on, and drops those for
// which it returns 0 (tcp_filter in net/ipv4/tcp_ipv4.c). Connections inherit it
// and are not touched: what they get has other flags.
var silence = []bpf.Instruction{
	bpf.LoadAbsolute{Off: tcpFlags, Size: 1},
	bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: flagSYN | flagACK},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: flagSYN, SkipFalse: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: 1<<32 - 1},
}

// From RFC 9293: where a TCP header has its flags, and two of them.
const (
	tcpFlags = 13
	flagSYN  = 0x02
	flagACK  = 0x10
)

func hush(fd int) error {
	return setProgram(fd, unix.SO_ATTACH_FILTER, silence)
}
