package integration

import (
	"context"
	"net/url"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a headless Chromium with one page, and what went wrong in it.
type browser struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	errors   []string        // of the console, and exceptions
	requests map[string]bool // hosts that were asked for anything
}

// chromium starts one with a profile of its own, and ends it with the test. It
// must be there where CI runs; see server.
func chromium(t testing.TB) *browser {
	t.Helper()
	path := server(t, "chromium", "chromium")
	ctx, free := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true))
	ctx, closePage := chromedp.NewContext(ctx)
	t.Cleanup(func() { // in this order: the folder of the profile is removed last
		_ = chromedp.Cancel(ctx)
		closePage()
		free()
	})
	b := &browser{t: t, ctx: ctx, requests: map[string]bool{}}
	b.run(chromedp.Navigate("about:blank")) // starts it
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	tell(b, network.Enable, network.EnableParams{})
	tell(b, log.Enable, cdp.Empty{})
	return b
}

// hear runs in the loop that reads what Chromium says.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		what := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			what += " " + x.Description
		}
		b.errors = append(b.errors, what)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range e.Args {
				b.errors = append(b.errors, "console: "+string(a.Value)+a.Description)
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.errors = append(b.errors, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err == nil && u.Host != "" {
			b.requests[u.Host] = true
		}
	}
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("chromium: %v (errors of the page: %q)", err, b.wrong())
	}
}

// tell sends a command of the protocol.
func tell[P, R any](b *browser, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, command, params)
	if err != nil {
		b.t.Fatalf("chromium: %s: %v", command.Method, err)
	}
	return result
}

// ask evaluates an expression in the page.
func ask[T any](b *browser, expression string) T {
	b.t.Helper()
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("chromium: %s: %v (errors of the page: %q)", expression, err, b.wrong())
	}
	return result
}

// until waits until an expression holds in the page.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	eventually(b.t, what, func() bool { return ask[bool](b, "Boolean("+expression+")") })
}

func (b *browser) wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.errors...)
}

// clean checks that the page made no error and asked no other host.
func (b *browser) clean(page string) {
	b.t.Helper()
	for _, e := range b.wrong() {
		b.t.Errorf("error in the page: %s", e)
	}
	u, err := url.Parse(page)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for host := range b.requests {
		if host != u.Host {
			b.t.Errorf("the page asked %s for something, and was served by %s", host, u.Host)
		}
	}
}

// drawn counts the pixels of each canvas that are not blank; the canvases of
// charts that are not in sight do not exist.
const drawnPixels = `[...document.querySelectorAll("canvas")].map((c) => {
	const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
	let n = 0;
	for (let i = 3; i < d.length; i += 4) if (d[i]) n++;
	return n;
})`

// charts checks that at least so many charts are there, and that they are drawn.
func (b *browser) charts(least int) {
	b.t.Helper()
	pixels := ask[[]int](b, drawnPixels)
	if len(pixels) < least {
		b.t.Errorf("%d charts, want %d at least", len(pixels), least)
	}
	for i, n := range pixels {
		if n < 500 {
			b.t.Errorf("chart %d of %d is blank: %d pixels", i, len(pixels), n)
		}
	}
	b.t.Logf("%d charts, pixels drawn: %v", len(pixels), pixels)
}
