package procstats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strconv"
	"syscall"
	"time"
)

// pressure reads the pressure of a group, or of the machine if the group does not
// tell. A kernel booted without psi=1 may have the files and refuse to be read.
func (k Kernel) pressure(at memoryGroup) (Pressure, error) {
	files := []string{k.Proc + "/pressure/memory"}
	if at.dir != "" && !at.v1 {
		files = []string{path.Join(at.dir, "memory.pressure"), files[0]}
	}
	for _, file := range files {
		p, err := load(file, parsePressure)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return Pressure{}, err
		}
		p.Known, p.Source = true, file
		return p, nil
	}
	return Pressure{}, nil
}

// parsePressure reads the format of memory.pressure, in microseconds:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=0
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=0
func parsePressure(r io.Reader) (Pressure, error) {
	var p Pressure
	some := false
	err := slurp(r, func(data []byte) error {
		for line := range bytes.SplitSeq(data, []byte{'\n'}) {
			kind, rest, _ := bytes.Cut(line, []byte{' '})
			var err error
			switch string(kind) {
			case "some":
				p.Some, err = stalled(rest)
				some = true
			case "full":
				p.Full, err = stalled(rest)
			}
			if err != nil {
				return fmt.Errorf("field %s: %w", kind, err)
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return Pressure{}, err
	case !some:
		return Pressure{}, errors.New("field some: missing")
	}
	return p, nil
}

// stalled is the total of a line of pressure.
func stalled(line []byte) (time.Duration, error) {
	for field := range bytes.FieldsSeq(line) {
		digits, ok := bytes.CutPrefix(field, []byte("total="))
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(string(digits), 10, 64)
		if err == nil && n > math.MaxInt64/uint64(time.Microsecond) {
			err = fmt.Errorf("%d is out of range", n)
		}
		if err != nil {
			return 0, err
		}
		return time.Duration(n) * time.Microsecond, nil
	}
	return 0, errors.New("total: missing")
}
