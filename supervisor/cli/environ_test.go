package cli

import (
	"slices"
	"testing"
)

func TestResolveWarnings(t *testing.T) {
	for _, test := range []struct {
		src  sources
		want []string
	}{
		{sources{environ: []string{"ROTA_MAX_MEMROY=1G", "ROTA_FOO=1", "ROTA_SLOT=0", "ROTA_GENERATION=1", "ROTA_REQUIRE_SERVERS=1", "HOME=/"}},
			[]string{"environment variable ROTA_FOO is not a setting",
				"environment variable ROTA_MAX_MEMROY is not a setting (did you mean ROTA_MAX_MEMORY?)"}},
		{sources{args: []string{"--restart-jitter", "5m"}}, []string{"--restart-jitter: has no effect without --restart-interval"}},
		{sources{args: []string{"-w1", "--max-surge=0", "--max-unavailable=1"}},
			[]string{"--max-surge: 0 with one worker: nobody serves while it is replaced"}},
	} {
		if s, err := test.src.resolve(t); err != nil || !slices.Equal(s.Warnings, test.want) {
			t.Errorf("%+v, %v; want %q", s, err, test.want)
		}
	}
}

func TestWorkerEnviron(t *testing.T) {
	environ := []string{"PATH=/bin", "ROTA_MAX_MEMORY=1G", "ROTA_CONFIG=x", "ROTA_ENV=A=1", "NOTIFY_SOCKET=/run/n", "LISTEN_FDS=1",
		"LISTEN_PID=1", "LISTEN_FDNAMES=a", "WEB_CONCURRENCY=2", "ROTATE=1", "ROTA_THEIRS=1"}
	want := []string{"PATH=/bin", "WEB_CONCURRENCY=2", "ROTATE=1", "ROTA_THEIRS=1"}
	if got := WorkerEnviron(environ); !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}
