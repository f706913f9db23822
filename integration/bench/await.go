package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// until waits for what must happen, and gives up with an error after patience or
// when the context ends.
func until(ctx context.Context, what string, is func() bool) error {
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain for %s", what)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up waiting for %s: %w", what, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// replaced waits until none of the old workers is there any more and there are as
// many as before.
func replaced(ctx context.Context, old []int, now func() []int) error {
	return until(ctx, "the old workers to be gone", func() bool {
		pids := now()
		for _, pid := range old {
			if alive(pid) || slices.Contains(pids, pid) {
				return false
			}
		}
		return len(pids) >= len(old)
	})
}
