package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"rota/integration/load"
)

// markWatch notes when each mark of a cycle was first to be seen, and what the
// pool said of when the cycle was.
const markWatch = `window.seen = {};
new MutationObserver(() => {
	for (const e of document.querySelectorAll("[data-last-mark]")) window.seen[e.dataset.slot + " " + e.dataset.lastMark] ??= Date.now();
}).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-last-mark"] });
0`

// TestDashboard looks at a pool that leaks and is cycled, as an operator does.
func TestDashboard(t *testing.T) {
	t.Parallel()
	const cycles, promptly = 3, 2 * time.Second
	port := freePort(t)
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	p := start(t, []string{"-w", "2", "--max-memory", "60MiB", "--sample-interval", "200ms", "--", leaky},
		withEnv(fmt.Sprintf("PORT=%d", port), "LEAK_KIB=1024"))
	p.awaitKind("pool ready", 1)
	page := p.adminURL() + "/"
	b := chromium(t)
	b.run(chromedp.EmulateViewport(1440, 1400), chromedp.Navigate(page))
	b.until("the page is live", `document.documentElement.dataset.points && document.querySelector("#connection").dataset.state === "live"`)
	ask[int](b, markWatch)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	result := make(chan *load.Arrivals, 1)
	go func() { result <- load.Arrive(ctx, addr, "/", 30) }()
	p.await("cycles for memory", cycles, cycleDone("memory"))
	b.until("as many marks were drawn", fmt.Sprintf(`Object.keys(window.seen).length >= %d`, cycles))
	b.until("two of them can be seen at once", `[...document.querySelectorAll("[data-marks]")].reduce((n, e) => n + Number(e.dataset.marks), 0) >= 2`)
	cancel()
	<-result

	for mark, at := range ask[map[string]float64](b, `window.seen`) {
		_, text, _ := strings.Cut(mark, " ")
		happened, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		late := time.UnixMilli(int64(at)).Sub(happened)
		t.Logf("mark of slot %s drawn after %v", mark, late)
		if late > promptly {
			t.Errorf("the mark of a cycle (slot %s) was drawn %v after it; want less than %v", mark, late, promptly)
		}
	}
	b.charts(8)
	if events := ask[string](b, `document.querySelector(".events").textContent`); !strings.Contains(events, "cycle done") {
		t.Errorf("no cycle among the events: %q", events)
	}
	b.clean(page)

	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(page))
	if rows := ask[int](b, `document.querySelectorAll("#workers tr").length`); rows < 2 {
		t.Errorf("%d workers in the table without a script, want 2", rows)
	}
	b.clean(page)
}

// TestDashboardSays compares what the server renders with what the page's script
// makes of the same status. White space between them differs, and is no matter.
func TestDashboardSays(t *testing.T) {
	t.Parallel()
	s := leaking
	s.before = 60
	page := simulate(s).serve(t)
	b := chromium(t)
	const said = `[...document.querySelectorAll("main h1, #facts, .container, .verdict, #notices, #workers, #total, title")].map((e) => e.textContent.replace(/\s+/g, "")).join("\n")`
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.run(chromedp.Navigate(page))
	first := ask[string](b, said)
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
	b.run(chromedp.Navigate("about:blank"), chromedp.Navigate(page))
	b.until("the page is live", `window.rota && window.rota.n > 1`)
	if then := ask[string](b, said); then != first {
		t.Errorf("the server says\n%s\nand the script, of the same\n%s", first, then)
	}
	b.clean(page)
}

// TestDashboardComesBack hangs up on the page, which is to go on where it was, and
// then is another rota, of which the page is to know nothing yet.
func TestDashboardComesBack(t *testing.T) {
	t.Parallel()
	s := leaking
	s.before = 300
	m := simulate(s)
	page := m.serve(t)
	b := chromium(t)
	b.run(chromedp.Navigate(page))
	const listed = `document.querySelectorAll(".events li").length`
	b.until("all events are listed", fmt.Sprintf("%s === %d", listed, len(m.events)))
	for name, change := range map[string]func(){
		"a connection is lost": func() {},
		"rota is another one":  func() { m.status.StartedAt = m.status.StartedAt.Add(time.Hour) },
	} {
		m.mu.Lock()
		m.events = nil
		change()
		m.mu.Unlock()
		had := ask[int](b, listed)
		if name == "rota is another one" {
			had = 0
		}
		m.hangUp()
		for len(m.events) == 0 {
			m.step() // nobody hears of it but from the history, and from what is kept
		}
		b.until("after "+name+" it is live, with what was missed, once", fmt.Sprintf(
			`document.querySelector("#connection").dataset.state === "live" && %s === %d && window.rota.last() * 1000 >= %d`,
			listed, min(200, had+len(m.events)), m.now().UnixMilli()))
	}
}

// TestDashboardForHours plays ten minutes onto an hour of history of eight workers,
// fast. A frame is measured by the CPU time that the page's script and its layout
// take, which is what the page can be blamed for: on a machine that tests share,
// frames come as late as others let them, and Chromium paints without a graphics
// card here. Both are told only. A frame has ten seconds to tell of, and not one.
func TestDashboardForHours(t *testing.T) {
	if os.Getenv("TEST_RACE") != "" {
		return // no rota runs in it
	}
	t.Parallel()
	const seconds, most = 600, 50.0
	s := leaking
	s.workers = 8
	m := simulate(s)
	page := m.serve(t) + "/#1h"
	b := chromium(t)
	tell(b, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	b.run(chromedp.EmulateViewport(1440, 1400), chromedp.Navigate(page))
	b.until("the history is there", `document.documentElement.dataset.points >= 3600 && window.rota.n > 2`)
	// The charts of an hour are drawn anew every few seconds; they are waited for, or
	// the page would leave frames out.
	play := func(n int) {
		for i := range n {
			m.step()
			if i%10 == 9 {
				b.until("it was drawn", fmt.Sprintf(`window.rota.time() * 1000 > %d`, m.now().Add(-6*time.Second).UnixMilli()))
			}
		}
	}
	play(seconds / 10)
	before, nodes := b.memory()
	ask[int](b, `window.rota.n = 0`)
	tell(b, network.Disable, cdp.Empty{}) // that Chromium tells of each message is no cost of the page
	own, all := b.busy()
	play(seconds)
	ownThen, allThen := b.busy()
	after, more := b.memory()

	took := ask[[]float64](b, `[...window.rota.took.slice(0, Math.min(window.rota.n, 1024))]`)
	slices.Sort(took)
	if len(took) < seconds/20 {
		t.Fatalf("only %d frames were drawn", len(took))
	}
	each, painted := (ownThen-own)*1000/float64(len(took)), (allThen-all)*1000/float64(len(took))
	t.Logf("%d frames of an hour of 8 workers: %.1f ms of CPU each, %.1f with painting; script on the clock: median %.1f ms, p95 %.1f ms",
		len(took), each, painted, took[len(took)/2], took[len(took)*95/100])
	t.Logf("heap %.1f MB, then %.1f; nodes %d, then %d", before/1e6, after/1e6, nodes, more)
	if each > most {
		t.Errorf("a frame takes %.1f ms, want less than %.0f", each, most)
	}
	if after > before*1.1+2e6 {
		t.Errorf("the page's heap grew from %.1f to %.1f MB in %d s", before/1e6, after/1e6, seconds)
	}
	if more > nodes+200 {
		t.Errorf("the page's nodes grew from %d to %d", nodes, more)
	}
	b.charts(8)
	b.clean(page)
}

// busy is the CPU time that the page's main thread has used, in seconds: for
// script, style and layout, and for all.
func (b *browser) busy() (own, all float64) {
	b.t.Helper()
	for _, m := range tell(b, performance.GetMetrics, cdp.Empty{}).Metrics {
		switch m.Name {
		case "ScriptDuration", "RecalcStyleDuration", "LayoutDuration":
			own += m.Value
		case "TaskDuration":
			all = m.Value
		}
	}
	if own == 0 {
		b.t.Fatal("chromium does not tell of its CPU time")
	}
	return own, all
}

// memory is what the page holds once all garbage is gone: bytes, and DOM nodes.
func (b *browser) memory() (heap float64, nodes int64) {
	b.t.Helper()
	tell(b, heapprofiler.CollectGarbage, cdp.Empty{})
	usage := tell(b, runtime.GetHeapUsage, cdp.Empty{})
	counters := tell(b, memory.GetDOMCounters, cdp.Empty{})
	return usage.UsedSize, counters.Nodes
}
