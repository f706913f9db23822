//go:build peers

package main

import (
	"testing"
	"time"
)

// peers are the contenders that are no servers with forked workers of their own
// language.
func peers() []contender {
	return []contender{
		pm2Reload(), pm2Often(), apacheGraceful(), phpFPM(), nginx(), haproxy(), haproxyQueue(2, 4, time.Second),
		startServer(), supervisord(), tini(), dumbInit(),
	}
}

// TestPeers starts, asks, rolls and ends each of them. Those that are not installed
// are left out, in CI too: it is not there to test others.
func TestPeers(t *testing.T) {
	for _, c := range peers() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := testBench(t)
			if missing := c.missing(b); missing != "" {
				t.Skipf("not installed: %s (see integration/bench/install)", missing)
			}
			prove(t, b, c, want{workers: 2, atOnce: 2, boot: 200 * time.Millisecond, limit: 300})
		})
	}
}
