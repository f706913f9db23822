package procstats

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const fullStatus = "Name:\ta\\nb\\\\c\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nPPid:\t3\n" +
	"VmHWM:\t    9999 kB\nVmRSS:\t     600 kB\nRssAnon:\t     100 kB\nRssFile:\t     200 kB\nRssShmem:\t     300 kB\n" +
	"VmPTE:\t      70 kB\nVmSwap:\t      50 kB\nThreads:\t11\nSigCgt:\t0000000000004002\n"

func TestParseStatus(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Status
		err      string
	}{
		{name: "full", in: fullStatus, want: Status{
			Name: "a\nb\\c", State: 'S', PID: 7, PPID: 3, Threads: 11,
			RSS: 600 << 10, RSSAnon: 100 << 10, RSSFile: 200 << 10, RSSShmem: 300 << 10, Swap: 50 << 10, PageTables: 70 << 10, SigCaught: 0x4002,
		}},
		{name: "zombie", in: "Name:\tsh\nState:\tZ (zombie)\nPid:\t8\nPPid:\t7\nThreads:\t1\n",
			want: Status{Name: "sh", State: 'Z', PID: 8, PPID: 7, Threads: 1}},
		{name: "RSS not split", in: "State:\tR\nPid:\t8\nVmRSS:\t10 kB\n",
			want: Status{State: 'R', PID: 8, RSS: 10 << 10, RSSAnon: 10 << 10}},
		{name: "empty", err: "field State: missing"},
		{name: "no pid", in: "State:\tR\n", err: "field Pid: missing"},
		{name: "no unit", in: "State:\tR\nPid:\t1\nVmRSS:\t10\n", err: `field VmRSS: "10" is not a number of kB`},
		{name: "too much", in: "State:\tR\nPid:\t1\nVmRSS:\t9223372036854775807 kB\n", err: "field VmRSS: "},
		{name: "no number", in: "State:\tR\nPid:\tone\n", err: "field Pid: "},
		{name: "no state", in: "State:\t\nPid:\t1\n", err: "field State: empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStatus(strings.NewReader(test.in))
			checkParsed(t, got, test.want, err, test.err)
		})
	}
}

func TestStatusMethods(t *testing.T) {
	s, err := parseStatus(strings.NewReader(fullStatus))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Private(), int64(450<<10); got != want {
		t.Errorf("Private() = %d, want %d", got, want)
	}
	for sig, want := range map[syscall.Signal]bool{
		syscall.SIGTERM: true, syscall.SIGINT: true, syscall.SIGHUP: false, 0: false, -1: false, 64: false, 65: false,
	} {
		if got := s.Catches(sig); got != want {
			t.Errorf("Catches(%d) = %v, want %v", sig, got, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Stat
		err      string
	}{
		{name: "parentheses in the name", in: "11 (no) d (e) S 10 9 8 0 -1 4194304 99 98 97 96 110 20 30 4 20 0 2 0 85826 1 2\n",
			want: Stat{PID: 11, Comm: "no) d (e", State: 'S', PPID: 10, PGrp: 9, Session: 8, Threads: 2, StartTime: 85826,
				MinorFaults: 99, ChildMinorFaults: 98, MajorFaults: 97, ChildMajorFaults: 96,
				User: 1100 * time.Millisecond, System: 200 * time.Millisecond,
				ChildUser: 300 * time.Millisecond, ChildSystem: 40 * time.Millisecond}},
		{name: "empty", err: "field comm: not in parentheses"},
		{name: "no name", in: "1 S 2", err: "field comm: not in parentheses"},
		{name: "no pid", in: "x (a) S 2", err: "field pid: "},
		{name: "short", in: "1 (a) S 2 3 4", err: "field starttime: missing (6 fields)"},
		{name: "wrong state", in: "1 (a) SS 2 3 4", err: "field state: "},
		{name: "wrong time", in: "1 (a) S 2 3 4 0 -1 0 0 0 0 0 -5 0 0 0 20 0 1 0 7", err: "field utime: -5 is out of range"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat(strings.NewReader(test.in))
			checkParsed(t, got, test.want, err, test.err)
		})
	}
}

func TestParseRollup(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Rollup
		err      string
	}{
		{name: "fields", in: formatRollup(someRollup), want: someRollup},
		{name: "no Pss", in: "Rss: 1 kB\n", err: "field Pss: missing"},
		{name: "empty", err: "field Rss: missing"},
		{name: "no number", in: "Rss: many kB\n", err: "field Rss: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseRollup(strings.NewReader(test.in))
			checkParsed(t, got, test.want, err, test.err)
		})
	}
	// As a kernel writes it.
	if u, err := parseRollup(strings.NewReader(fixture(t, "rollup-cat"))); err != nil || u.PSS == 0 || u.RSS < u.PSS {
		t.Errorf("rollup-cat: %+v, %v", u, err)
	}
	if s, err := parseStatus(strings.NewReader(fixture(t, "status-cat"))); err != nil || s.Name != "cat" || s.RSS == 0 {
		t.Errorf("status-cat: %+v, %v", s, err)
	}
}

var someRollup = Rollup{RSS: 14 << 10, PSS: 13 << 10, PSSAnon: 12 << 10, PSSFile: 11 << 10, PSSShmem: 10 << 10,
	SharedClean: 9 << 10, SharedDirty: 8 << 10, PrivateClean: 7 << 10, PrivateDirty: 6 << 10, Anonymous: 5 << 10,
	LazyFree: 4 << 10, AnonHugePages: 3 << 10, Swap: 2 << 10, SwapPSS: 1 << 10}

func checkParsed[T any](t *testing.T, got, want T, err error, wantErr string) {
	t.Helper()
	if wantErr != "" {
		if err == nil || !strings.HasPrefix(err.Error(), wantErr) {
			t.Errorf("error %v, want %q", err, wantErr)
		}
		return
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

// What is parsed, written as the kernel writes it, and parsed again is the same.
func roundTrip[T any](f *testing.F, parse func(string) (T, error), format func(T) string) {
	f.Fuzz(func(t *testing.T, in string) {
		v, err := parse(in)
		if err != nil {
			if err.Error() == "" {
				t.Error("error without a message")
			}
			return
		}
		again, err := parse(format(v))
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Errorf("%+v became %+v, %v", v, again, err)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	f.Add(fullStatus)
	f.Add(fixture(f, "status-cat"))
	f.Add("State:\t\xb0\nPid:\t1\nName:\t\\\\n\n")
	roundTrip(f,
		func(in string) (Status, error) { return parseStatus(strings.NewReader(in)) },
		func(s Status) string {
			name := strings.NewReplacer("\\", "\\\\", "\n", "\\n").Replace(s.Name)
			return fmt.Sprintf("Name:\t%s\nState:\t%s\nPid:\t%d\nPPid:\t%d\nThreads:\t%d\nSigCgt:\t%016x\nVmRSS:\t%d kB\n"+
				"RssAnon:\t%d kB\nRssFile:\t%d kB\nRssShmem:\t%d kB\nVmSwap:\t%d kB\nVmPTE:\t%d kB\n", name, []byte{s.State}, s.PID, s.PPID, s.Threads,
				s.SigCaught, s.RSS>>10, s.RSSAnon>>10, s.RSSFile>>10, s.RSSShmem>>10, s.Swap>>10, s.PageTables>>10)
		})
}

func FuzzParseStat(f *testing.F) {
	f.Add(fixture(f, "tree/proc/11/stat"))
	f.Add("1 () \xb0 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0")
	roundTrip(f,
		func(in string) (Stat, error) { return parseStat(strings.NewReader(in)) },
		formatStat)
}

func formatStat(s Stat) string {
	return fmt.Sprintf("%d (%s) %s %d %d %d 0 -1 0 %d %d %d %d %d %d %d %d 20 0 %d 0 %d 1 1\n", s.PID, s.Comm, []byte{s.State}, s.PPID,
		s.PGrp, s.Session, s.MinorFaults, s.ChildMinorFaults, s.MajorFaults, s.ChildMajorFaults, s.User/tick, s.System/tick, s.ChildUser/tick, s.ChildSystem/tick, s.Threads, s.StartTime)
}

func FuzzParseRollup(f *testing.F) {
	f.Add(formatRollup(someRollup))
	f.Add(fixture(f, "rollup-cat"))
	roundTrip(f, func(in string) (Rollup, error) { return parseRollup(strings.NewReader(in)) }, formatRollup)
}

func formatRollup(u Rollup) string {
	out := "55f91bb5f000-7ffe46820000 ---p 00000000 00:00 0                          [rollup]\n"
	for _, key := range strings.Fields("Rss Pss Pss_Anon Pss_File Pss_Shmem Shared_Clean Shared_Dirty Private_Clean " +
		"Private_Dirty Anonymous LazyFree AnonHugePages Swap SwapPss") {
		out += fmt.Sprintf("%-16s%8d kB\n", key+":", *u.field(key)>>10)
	}
	return out + "Locked:                0 kB\n"
}

func FuzzParseChildren(f *testing.F) {
	f.Add("11 12 ")
	f.Add("")
	roundTrip(f,
		func(in string) ([]int, error) { return parseChildren(strings.NewReader(in)) },
		func(kids []int) string { return strings.Trim(fmt.Sprint(kids), "[]") + " " })
}

func FuzzAppendNumbers(f *testing.F) {
	f.Add([]byte("iiiiiiiioooooooo\x18\x00\x0442\x00\x00\x00"))
	f.Add([]byte("iiiiiiiioooooooo\x00\x00\x0442\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, block []byte) {
		for _, n := range appendNumbers(nil, block) {
			if n < 0 {
				t.Errorf("%d", n)
			}
		}
	})
}
