package listener

import (
	"errors"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// span is a run of sockets side by side in their group that weigh the same. With
// a hundred workers alike, one of which is left out, there are two of them.
type span struct{ first, count, weight int }

// spans are the sockets of a group that may be chosen, by their index in it.
func spans(weights []int) []span {
	var all []span
	for i, w := range weights {
		if n := len(all); n > 0 && all[n-1].weight == w && all[n-1].first+all[n-1].count == i {
			all[n-1].count++
		} else if w > 0 {
			all = append(all, span{i, 1, w})
		}
	}
	return all
}

// program chooses a socket of a group at random, in proportion to the weights,
// which go by index. The kernel runs it for each connection, at its SYN; what it
// returns is an index, and one that the group does not have would mean any of
// its sockets. Random numbers have no byte order, so unlike in a filter of
// packets none is converted. It is nil if there is nothing to choose.
func program(weights []int) []bpf.Instruction {
	total := uint32(0)
	for _, w := range weights {
		total += uint32(w)
	}
	if total == 0 {
		return nil
	}
	p := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: total},
	}
	below := uint32(0) // the weight of all spans before
	for _, s := range spans(weights) {
		choice := s.choose(below)
		below += uint32(s.count * s.weight)
		if below < total {
			// Jumps reach 255 instructions, so each span's end is next to its test.
			p = append(p, bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: below, SkipTrue: uint8(len(choice))})
		}
		p = append(p, choice...)
	}
	return p
}

// choose turns a number from below up into the index of one of the span's sockets.
func (s span) choose(below uint32) []bpf.Instruction {
	if s.count == 1 {
		return []bpf.Instruction{bpf.RetConstant{Val: uint32(s.first)}}
	}
	return []bpf.Instruction{
		bpf.ALUOpConstant{Op: bpf.ALUOpSub, Val: below},
		bpf.ALUOpConstant{Op: bpf.ALUOpDiv, Val: uint32(s.weight)},
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: uint32(s.first)},
		bpf.RetA{},
	}
}

// mostInstructions is BPF_MAXINSNS of linux/bpf_common.h.
const mostInstructions = 4096

// attach has the kernel choose among the sockets of a group, one of which is fd,
// from now on; it takes the place of what was attached before in one step. Where
// the program is too long (net.core.optmem_max is 20 KiB before Linux 6.8, room for
// 800 workers of which no two neighbours weigh the same), all weigh alike.
func attach(fd int, weights []int) error {
	err := attachProgram(fd, program(weights))
	if errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EINVAL) {
		alike := slices.Clone(weights)
		for i := range alike {
			alike[i] = min(alike[i], 1)
		}
		err = attachProgram(fd, program(alike))
	}
	return err
}

func attachProgram(fd int, p []bpf.Instruction) error {
	if len(p) == 0 || len(p) > mostInstructions {
		return unix.EINVAL
	}
	return setProgram(fd, unix.SO_ATTACH_REUSEPORT_CBPF, p)
}

// setProgram gives a socket a program as an option.
func setProgram(fd, option int, p []bpf.Instruction) error {
	raw, err := bpf.Assemble(p)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, option,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}
