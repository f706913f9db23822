package supervisor

import (
	"slices"
	"testing"
	"time"

	"rota/procstats"
)

func TestLimitThatChanges(t *testing.T) {
	at := func(bytes int64, source string) procstats.Container {
		return procstats.Container{Limit: procstats.Limit{Bytes: bytes, Source: source}, Machine: source == "meminfo"}
	}
	type look struct {
		after time.Duration
		now   procstats.Container
	}
	for name, c := range map[string]struct {
		looks []look
		want  []string
	}{
		"it does not": {looks: []look{{0, at(512*mib, "max")}, {time.Hour, at(512*mib, "max")}}},
		"it does": {[]look{{0, at(512*mib, "max")}, {time.Second, at(256*mib, "max")}, {time.Hour, at(256*mib, "max")}},
			[]string{"the container has 256MiB, 512MiB before"}},
		"to and fro": {[]look{{0, at(512*mib, "high")}, {time.Second, at(500*mib, "high")}, {time.Second, at(490*mib, "high")},
			{time.Minute, at(480*mib, "high")}, {time.Minute, at(480*mib, "high")}},
			[]string{"the container has 500MiB, 512MiB before", "the container has 480MiB, 500MiB before"}},
		"another group is nearer":         {looks: []look{{0, at(512*mib, "slice")}, {time.Second, at(256*mib, "service")}, {time.Second, at(512*mib, "slice")}}},
		"there comes to be one":           {[]look{{0, at(1024*mib, "meminfo")}, {time.Second, at(256*mib, "max")}}, []string{"the container has 256MiB, 1GiB before"}},
		"it is taken away":                {[]look{{0, at(256*mib, "max")}, {time.Second, at(1024*mib, "meminfo")}}, []string{"the container has no limit; the machine has 1GiB, 256MiB before"}},
		"nothing can be read for a while": {looks: []look{{0, at(256*mib, "max")}, {time.Second, procstats.Container{Machine: true}}, {time.Second, at(256*mib, "max")}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			f.limits, f.contained = limits{}, procstats.Container{}
			for _, l := range c.looks {
				f.now = f.now.Add(l.after)
				f.contain(l.now, nil, f.now, f.now)
			}
			var got []string
			for _, e := range f.of(LimitChanged) {
				got = append(got, e.Message)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
