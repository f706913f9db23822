package filter

import (
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// verdict runs the filter on a call. golang.org/x/net/bpf has a machine for
// that, but it loads big-endian words, and seccomp loads native ones.
func verdict(t *testing.T, program []syscall.SockFilter, arch, nr uint32) uint32 {
	t.Helper()
	var acc uint32
	for pc := 0; pc < len(program); pc++ {
		switch in := program[pc]; in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = map[uint32]uint32{offsetNr: nr, offsetArch: arch}[in.K]
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			if acc == in.K {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		default:
			t.Fatalf("unknown instruction %#x", in.Code)
		}
	}
	t.Fatal("the filter ends without a verdict")
	return 0
}

func TestFilterTrapsBindAndListenAlone(t *testing.T) {
	const i386 = 0x40000003
	for name, m := range machines {
		p := program(m)
		for nr := range uint32(500) {
			want := uint32(retAllow)
			if nr == m.bind || nr == m.listen {
				want = retUserNotif
			}
			if got := verdict(t, p, m.auditArch, nr); got != want {
				t.Errorf("%s, call %d: %#x, want %#x", name, nr, got, want)
			}
			if got := verdict(t, p, i386, nr); got != retAllow {
				t.Errorf("%s, call %d of another architecture: %#x", name, nr, got)
			}
		}
	}
}

func TestNumbersOfThisMachine(t *testing.T) {
	m, ok := machines[runtime.GOARCH]
	if !ok {
		t.Fatalf("no numbers for %s", runtime.GOARCH)
	}
	if m.bind != unix.SYS_BIND || m.listen != unix.SYS_LISTEN || m.seccomp != unix.SYS_SECCOMP {
		t.Errorf("bind %d, listen %d, seccomp %d; want %d, %d, %d", m.bind, m.listen, m.seccomp, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_SECCOMP)
	}
}
