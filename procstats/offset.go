package procstats

// offset is what status says too much or too little.
//
// From Linux 6.2 on the kernel counts a process's pages on each CPU, and up to 6.15
// status shows the sum of those alone that had been carried over (f1a7941243c1,
// mended by 82241a83cd15): up to 2 x CPUs pages are missing of each CPU, which is
// 32 MiB with 64 CPUs and half a GiB with 256. smaps_rollup walks the pages
// themselves, so that it tells how far off status is; between readings that stays
// much the same.
type offset struct {
	anon int64
	rss  int64
	of   int64 // what status said of anonymous memory then
}

// count reads smaps_rollup, and status before and after it: a process that grows
// meanwhile has something between the two, and status is off by what lies outside.
func (k Kernel) count(pid int) (Rollup, offset, error) {
	before, err := k.Status(pid)
	if err != nil {
		return Rollup{}, offset{}, err
	}
	r, err := k.Rollup(pid)
	if err != nil {
		return Rollup{}, offset{}, err
	}
	after, err := k.Status(pid)
	if err != nil {
		return Rollup{}, offset{}, err
	}
	o := offset{of: before.RSSAnon}
	if r.Anonymous > 0 {
		o.anon = outside(r.Anonymous, before.RSSAnon, after.RSSAnon)
		o.rss = outside(r.RSS, before.RSS, after.RSS)
	}
	return r, o, nil
}

// outside is how far n is from what lies between a and b.
func outside(n, a, b int64) int64 { return n - min(max(n, min(a, b)), max(a, b)) }

// correct is what a status would have said. Pages that go with execve take what
// was missing of them along.
func (o offset) correct(s Status) Status {
	if o.anon == 0 && o.rss == 0 || s.RSSAnon < o.of/2 {
		return s
	}
	s.RSSAnon = max(0, s.RSSAnon+o.anon)
	s.RSSFile = max(0, s.RSSFile+o.rss-o.anon)
	s.RSS = s.RSSAnon + s.RSSFile + s.RSSShmem
	return s
}
