package front

import (
	"net/netip"
	"time"
)

// Config is what an operator wants of the front. It is a value; another may be
// given to Front.Configure while requests are served.
type Config struct {
	MaxConcurrency int           // requests that a worker has at once; 0 for no limit
	Queue          int           // requests that may wait for a worker
	QueueTimeout   time.Duration // most that one waits
	MaxRequests    int           // after how many a worker is reported as spent; 0 for never
	HealthPath     string        // the path whose requests are never shed and wait behind nobody; empty for none
	SlowStart      time.Duration // over which the share of a fresh worker rises; 0 for at once

	TrustedProxies []netip.Prefix // whose X-Forwarded-* and Forwarded headers are kept
	TrustUnix      bool           // clients on unix sockets are such proxies

	HeaderTimeout time.Duration // most between the first byte of a request and the end of its header
	IdleTimeout   time.Duration // most that a kept connection waits for its next request
	MaxHeader     int           // bytes of a request's header, or of an answer's
}
