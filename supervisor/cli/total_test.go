package cli

import (
	"slices"
	"strings"
	"testing"
)

func TestMaxTotalMemory(t *testing.T) {
	for args, want := range map[string]struct {
		limit Limit
		bytes int64
		shown string
	}{
		"":                             {gigabyte, 1 << 30 * 9 / 10, "921.6MiB (90% of 1GiB)"},
		"--max-total-memory off":       {gigabyte, 0, "off"},
		"--max-total-memory 50%":       {gigabyte, 512 << 20, "512MiB (50% of 1GiB)"},
		"--max-total-memory 1G":        {gigabyte, 1 << 30, "1GiB"},
		"--max-total-memory 8G":        {noLimit, 8 << 30, "8GiB"},
		"--max-total-memory off -w 2":  {noLimit, 0, "off"},
		"--max-memory 8G --workers 99": {noLimit, 0, "off (the container has no limit)"},
	} {
		s, err := sources{args: strings.Fields(args), limit: want.limit}.resolve(t)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if got := s.value("max-total-memory").Value; got != want.shown || s.Config.Policy.MaxTotalMemory != want.bytes {
			t.Errorf("%s: %d, shown as %s; want %d, %s", args, s.Config.Policy.MaxTotalMemory, got, want.bytes, want.shown)
		}
		if len(s.Warnings) > 0 {
			t.Errorf("%s: warnings %q", args, s.Warnings)
		}
	}
}

func TestWorkersThatDoNotFit(t *testing.T) {
	const fit = "do not fit into the container's 1GiB: "
	for args, want := range map[string]string{
		"-w 4 --max-memory 20%":                                    "",
		"-w 4 --max-memory 21%":                                    "--max-memory: workers of 215MiB, 4 and one more during a cycle, " + fit + "the total budget will cycle workers before their own limit",
		"-w 4 --max-memory 25% --max-surge 0 --max-unavailable 1":  "",
		"-w 4 --max-memory 257M --max-surge 0 --max-unavailable 1": "--max-memory: workers of 257MiB, 4, " + fit + "the total budget will cycle workers before their own limit",
		"-w 1 --max-memory 600M --max-total-memory off":            "--max-memory: workers of 600MiB, 1 and one more during a cycle, " + fit + "with max-total-memory off, the kernel may kill before a worker comes to its limit",
		"-w 100": "",
	} {
		s, err := sources{args: strings.Fields(args), limit: gigabyte}.resolve(t)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if want == "" && len(s.Warnings) > 0 || want != "" && !slices.Equal(s.Warnings, []string{want}) {
			t.Errorf("%s:\n got %q\nwant %q", args, s.Warnings, want)
		}
	}
}
