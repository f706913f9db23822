package admin

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"rota/supervisor"
)

// busyPool is a pool whose loop does not come to answer.
type busyPool struct {
	fixed
	asking *atomic.Int64
	free   chan struct{}
}

func (b busyPool) Explain(int) (supervisor.Explanation, error) {
	b.asking.Add(1)
	<-b.free
	return supervisor.Explanation{}, supervisor.ErrNoWorker
}

// However many ask and leave, few wait for the loop.
func TestClientsThatLeaveDoNotWaitForTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := busyPool{newFixed(t, nil), new(atomic.Int64), make(chan struct{})}
		h := New(Options{Pool: pool, Metrics: NewMetrics(supervisor.AcceptShared)}).handler()
		ctx, leave := context.WithCancel(t.Context())
		var inside atomic.Int64
		var all sync.WaitGroup
		codes := make(chan int, 100)
		for range cap(codes) {
			all.Go(func() {
				inside.Add(1)
				defer inside.Add(-1)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", "/v1/workers/0/explain", nil).WithContext(ctx))
				codes <- w.Code
			})
		}
		synctest.Wait()
		leave()
		synctest.Wait()
		if n, asking := inside.Load(), pool.asking.Load(); n != mostAsking || asking != mostAsking {
			t.Errorf("%d requests wait after their clients have left, and the loop was asked %d times; want %d", n, asking, mostAsking)
		}
		close(pool.free)
		all.Wait()
		close(codes)
		answered := map[int]int{}
		for code := range codes {
			answered[code]++
		}
		if answered[http.StatusNotFound] != mostAsking || answered[http.StatusServiceUnavailable] != cap(codes)-mostAsking {
			t.Errorf("answered %v", answered)
		}
		if code, _ := get(t, h, "GET", "/v1/workers/0/explain"); code != http.StatusNotFound {
			t.Errorf("the next is answered %d", code)
		}
	})
}
