package procstats

import "strings"

// conceals reports whether procfs is mounted so that it hides processes from
// some users. What cannot be read hides nothing.
func (k Kernel) conceals() bool {
	mounts, err := load(k.Proc+"/self/mountinfo", parseMountinfo)
	if err != nil {
		return false
	}
	conceals := false
	for _, m := range mounts {
		if m.point == k.Proc { // the last mount on it counts
			conceals = m.fstype == "proc" && m.hides()
		}
	}
	return conceals
}

// hides tells a hidepid that hides: noaccess, invisible or ptraceable (1, 2 or 4).
func (m mount) hides() bool {
	for o := range strings.SplitSeq(m.options, ",") {
		if how, ok := strings.CutPrefix(o, "hidepid="); ok {
			return how != "0" && how != "off"
		}
	}
	return false
}

// seekHidden looks for children of a family that a listing of processes does not
// show. The children files name those that are hidden as well.
func (s *Sampler) seekHidden(f *family) {
	f.hides = false
	for _, m := range f.members {
		kids, err := s.kernel.threadChildren(m.pid)
		if err != nil {
			continue
		}
		for _, kid := range kids {
			if s.members[kid] != nil {
				continue // also of a family of its own
			}
			// One that can be read was born just now.
			if _, err := s.kernel.Stat(kid); err != nil && s.alive(kid) {
				f.hides = true
				return
			}
		}
	}
}
