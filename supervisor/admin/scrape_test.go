package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// However often the page is asked for, making it takes a fifth of the time.
func TestScrapesArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const cost, scrapes = 10 * time.Millisecond, 20
		made := 0
		p := newPaced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			made++
			time.Sleep(cost)
		}))
		began := time.Now()
		ask(p, t.Context())
		if took := time.Since(began); took != cost {
			t.Errorf("the first takes %s, want %s", took, cost)
		}
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for range scrapes {
					ask(p, t.Context())
				}
			})
		}
		all.Wait()
		if took, want := time.Since(began), cost+2*scrapes*(scrapeRest+1)*cost; took != want || made != 1+2*scrapes {
			t.Errorf("%d pages of %s were made in %s, want %s", made, cost, took, want)
		}
		time.Sleep(time.Second)
		began = time.Now()
		ask(p, t.Context())
		if took := time.Since(began); took != cost {
			t.Errorf("after a pause it takes %s, want %s", took, cost)
		}
	})
}

// Who cannot be served soon is told so, and who leaves is waited for by nobody.
func TestTooManyScrapes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPaced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(time.Hour) }))
		ctx, leave := context.WithCancel(t.Context())
		for range scrapesAtOnce {
			go ask(p, ctx)
		}
		synctest.Wait()
		if code := ask(p, t.Context()); code != http.StatusServiceUnavailable {
			t.Errorf("one too many is answered with %d", code)
		}
		leave()
		synctest.Wait()
		began := time.Now()
		if code := ask(p, t.Context()); code != http.StatusOK {
			t.Errorf("after all have left the answer is %d", code)
		}
		// That which had begun, a rest, and its own.
		if took, want := time.Since(began), 2*time.Hour+longestRest; took != want {
			t.Errorf("after all have left it takes %s, want %s", took, want)
		}
	})
}

func ask(h http.Handler, ctx context.Context) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/metrics", nil))
	return w.Code
}
