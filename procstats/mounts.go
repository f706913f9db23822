package procstats

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// mount is one line of /proc/PID/mountinfo.
type mount struct {
	root    string // the folder of the mounted file system that is seen at point
	point   string
	fstype  string
	options string // those of the file system: for cgroup v1, the controllers
}

// has reports whether the file system has an option.
func (m mount) has(option string) bool {
	for o := range strings.SplitSeq(m.options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

// parseMountinfo reads the format of /proc/PID/mountinfo:
//
//	35 31 0:32 /root /mount/point rw,relatime shared:9 - cgroup cgroup rw,memory
//
// with any number of fields before the dash.
func parseMountinfo(r io.Reader) ([]mount, error) {
	var mounts []mount
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			if len(line) == 0 {
				continue
			}
			before, after, ok := strings.Cut(string(line), " - ")
			head, tail := strings.Split(before, " "), strings.Split(after, " ")
			if !ok || len(head) < 6 || len(tail) < 2 {
				return fmt.Errorf("line %q: fields are missing", line)
			}
			m := mount{root: unescapeOctal(head[3]), point: unescapeOctal(head[4]), fstype: tail[0]}
			if len(tail) > 2 {
				m.options = tail[2]
			}
			mounts = append(mounts, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return mounts, nil
}

// unescapeOctal undoes \040 for a space and its like.
func unescapeOctal(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && octal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// octal reports whether s is three octal digits that make one byte.
func octal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7'
}
