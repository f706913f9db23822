//go:build screenshots

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"rota/supervisor/admin/api"
)

// TestScreenshots writes pictures of the dashboard, for people to look at, into
// the folder that SCREENSHOTS names.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Fatal("SCREENSHOTS is not set: run make screenshots")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	only := os.Getenv("SCREENSHOTS_ONLY")
	for name, s := range scenes() {
		if only != "" && only != name {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := simulate(s)
			page := m.serve(t)
			b := chromium(t)
			for _, size := range sizesShown {
				if name != "leaking" && size.name == "tablet" {
					continue
				}
				for _, theme := range []string{"light", "dark"} {
					if name != "leaking" && (size.name == "phone") != (theme == "dark") {
						continue
					}
					shoot(b, page+"#10min", filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", name, size.name, theme)), size, theme)
				}
			}
			b.clean(page)
		})
	}
}

type shownSize struct {
	name          string
	width, height int64
	scale         float64
}

var sizesShown = []shownSize{{"desktop", 1440, 900, 1}, {"tablet", 834, 1112, 1}, {"phone", 390, 844, 2}}

func shoot(b *browser, page, path string, size shownSize, theme string) {
	b.t.Helper()
	tell(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
	b.run(chromedp.EmulateViewport(size.width, size.height, chromedp.EmulateScale(size.scale)), chromedp.Navigate("about:blank"), chromedp.Navigate(page))
	b.until("the page is live", `document.documentElement.dataset.points && window.rota.n > 2`)
	// Charts are made where they come into sight: the whole page is to.
	height := ask[int64](b, `document.documentElement.scrollHeight`)
	b.run(chromedp.EmulateViewport(size.width, height, chromedp.EmulateScale(size.scale)))
	frames := ask[int](b, `window.rota.n`)
	b.until("it is drawn", fmt.Sprintf(`window.rota.n > %d`, frames))
	b.run(chromedp.Sleep(300 * time.Millisecond))
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("%s: %d bytes", path, len(png))
}

// scenes are the pools that are worth a look.
func scenes() map[string]scenario {
	few := leaking
	few.workers, few.before = 1, 3
	many := leaking
	many.workers, many.group = 24, 6<<30
	hundred := many
	hundred.workers, hundred.group, hundred.before = 100, 24<<30, 700
	shared := leaking
	shared.shared, shared.group, shared.limit, shared.leak = true, 0, 0, 0
	shared.change = func(s *api.Status) {
		s.Verdict = api.Verdict{Kind: "unknown", Why: "12 min of evidence, at least 2 h needed"}
	}
	trouble := leaking
	trouble.change = func(s *api.Status) {
		s.Phase, s.Why, s.Ready = api.PhaseDegraded, "3 of 4 workers are ready: slot 2 is starting", 3
		s.Workers[2].State = "starting"
		s.Paused = map[string]string{"memory": "a fresh worker needs 210 MiB, the limit is 200 MiB: raise --max-memory"}
		s.Container.OOMKills = new(int64(2))
		s.Roll = &api.Roll{ID: 7, Generation: 4, Reason: "SIGHUP", Trigger: "generation", Replaced: 1, Total: 4, Paused: true}
		s.Next = &api.Next{Slot: new(1), Trigger: "age", At: s.Time.Add(12 * time.Minute)}
	}
	return map[string]scenario{"leaking": leaking, "started": few, "many": many, "hundred": hundred, "shared": shared, "trouble": trouble}
}
