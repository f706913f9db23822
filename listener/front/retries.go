package front

import "sync/atomic"

// A request in ten may be sent again, and a few more at any time: where most
// need it something is wrong that sending twice the load makes worse.
const (
	retryEvery = 10
	retryMost  = 100 * retryEvery
)

// budget is what requests have saved up for being sent again.
type budget struct{ saved atomic.Int64 }

func newBudget() *budget {
	b := &budget{}
	b.saved.Store(retryMost)
	return b
}

// earn notes a request.
func (b *budget) earn() {
	if n := b.saved.Load(); n < retryMost {
		b.saved.Add(1)
	}
}

// take reports whether a request may be sent again.
func (b *budget) take() bool {
	if b.saved.Add(-retryEvery) >= 0 {
		return true
	}
	b.saved.Add(retryEvery)
	return false
}
