package listener

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestSpot(t *testing.T) {
	for host, want := range map[string]string{"127.0.0.1": "127.0.0.1", "0.0.0.0": "0.0.0.0", "[::1]": "::1"} {
		t.Run(host, func(t *testing.T) {
			s := holdPrivate(t, fmt.Sprintf("127.0.0.1:%d", port(t)))
			p, err := FreePort(func(uint16) bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Prepare(1, Gift{Port: p}); err != nil {
				t.Fatal(err)
			}
			if s.Spot(1) != nil || s.Spot(2) != nil {
				t.Fatal("somebody listens already")
			}
			network := "tcp4"
			if strings.HasPrefix(host, "[") {
				network = "tcp6"
			}
			l, err := net.Listen(network, fmt.Sprintf("%s:%d", host, p))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			found := s.Spot(1)
			if found == nil || found.Address().IP.String() != want || found.Address().Port != p {
				t.Fatalf("found %+v, want %s:%d", found, want, p)
			}
			if a, inode, ok := listensInTables(p); !ok || a != found.Address() || inode != found.Inode() {
				t.Errorf("the tables have %s, %d (%v); want %s, %d", a, inode, ok, found.Address(), found.Inode())
			}
			if s.Spot(1) != found || !slices.Contains(s.Serving(1), found) {
				t.Error("it is not what the worker serves from")
			}
			conn, err := s.Dial(1)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			file, _ := l.(*net.TCPListener).File()
			defer file.Close()
			if inodeOf(int(file.Fd())) != found.Inode() {
				t.Error("it has another inode")
			}
			s.Rescue(1, func(from []net.Addr) {
				if len(from) > 0 {
					t.Error("rescued from a socket that rota does not hold")
				}
			})
			s.Release(1)
			if c, err := net.Dial(network, l.Addr().String()); err != nil {
				t.Errorf("the worker's own socket was closed: %v", err)
			} else {
				c.Close()
			}
		})
	}
}

func TestPortsOutsideOfTheKernelsRange(t *testing.T) {
	for text, want := range map[string][2]int{
		"32768\t60999\n": {10000, 32767},
		"1024 60999":     {61000, 65535},
		"1024 65535":     {10000, 65535},
		"bad":            {10000, 32767},
		"":               {10000, 32767},
		"9 8":            {10000, 32767},
		"20000 70000":    {10000, 32767},
	} {
		if least, most := outside(text); least != want[0] || most != want[1] {
			t.Errorf("%q: %d to %d, want %v", text, least, most, want)
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if p := uint16(l.Addr().(*net.TCPAddr).Port); isFree(p) {
		t.Errorf("port %d is free although somebody listens", p)
	}
	if _, err := FreePort(func(uint16) bool { return true }); err == nil {
		t.Error("a port was given twice")
	}
}

func TestParseListening(t *testing.T) {
	for line, want := range map[string]string{
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0\n":                                               "127.0.0.1:8080 4711",
		"   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0000 100 0 0 10 0\n":                                                 "0.0.0.0:80 12",
		"   2: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0000 100 0 0 10 0\n": "[::1]:8080 99",
		"   3: 0100007F:1F90 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 4712 1\n":                                                                 "",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n":                                                                  "",
		"   4: 0100007F 00000000:0000 0A 0 0 0 0 0 0\n": "",
		"   5: 01:1 00000000:0000 0A 0 0 0 0 0 0 0\n":   "",
	} {
		a, inode, ok := parseListening(line)
		got := ""
		if ok {
			got = fmt.Sprint(netip.AddrPortFrom(a.IP, a.Port), " ", inode)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func FuzzParseListening(f *testing.F) {
	f.Add("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n")
	f.Fuzz(func(t *testing.T, line string) {
		if a, _, ok := parseListening(line); ok && !a.IP.IsValid() {
			t.Errorf("%q: no address", line)
		}
	})
}
