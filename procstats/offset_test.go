package procstats

import (
	"fmt"
	"testing"
)

// What status leaves out is found by a reading and added from then on, in KiB.
func TestStatusThatIsOff(t *testing.T) {
	for _, test := range []struct {
		name                string
		said, real          int64 // anonymous memory at the reading
		then                int64 // as status says it later
		private, rss, total int64 // later
	}{
		{"exact", 1000, 1000, 1500, 1500, 1900, 1600},
		{"too little", 100, 1000, 600, 1500, 1900, 1600},
		{"nothing at all", 0, 1000, 200, 1200, 1600, 1300},
		{"too much", 1300, 1000, 1800, 1500, 1900, 1600},
		{"gone since, as with execve", 900, 1000, 40, 40, 440, 140},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			a := Target{ID: 1, PID: 10}
			w.put(Stat{PID: 10}, test.said, 400)
			w.rollup(10, Rollup{RSS: test.real + 400, PSS: test.real + 100, PSSAnon: test.real, PSSFile: 100,
				PrivateDirty: test.real, SharedClean: 400, Anonymous: test.real})
			u := w.sample(a)[0]
			w.check("as read", [3]int64{u.Private >> 10, u.RSS >> 10, u.Proportional >> 10}, [3]int64{test.real, test.real + 400, test.real + 100})
			w.put(Stat{PID: 10}, test.then, 400)
			u = w.sample(a)[0]
			w.check("later", [3]int64{u.Private >> 10, u.RSS >> 10, u.Proportional >> 10}, [3]int64{test.private, test.rss, test.total})
		})
	}
}

func TestOutside(t *testing.T) {
	for _, c := range [][4]int64{{5, 4, 6, 0}, {5, 6, 4, 0}, {5, 7, 9, -2}, {5, 9, 7, -2}, {5, 1, 3, 2}, {5, 3, 1, 2}, {5, 5, 5, 0}} {
		if got := outside(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%s = %d, want %d", fmt.Sprint("outside", c[:3]), got, c[3])
		}
	}
}
