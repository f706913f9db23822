package cli

import (
	"fmt"
	"strconv"
	"time"
)

// leastTimeout keeps a timeout from being one that nobody can keep.
const leastTimeout = time.Millisecond

// The least header that a browser's request with a few cookies fits into, and
// the most that a request may cost before anybody has looked at it.
const (
	leastHeader = 4 << 10
	mostHeader  = 16 << 20
)

var (
	setQueue         = number(0, func(s *Settings) *int { return &s.Config.Front.Queue })
	setQueueTimeout  = duration(leastTimeout, func(s *Settings) *time.Duration { return &s.Config.Front.QueueTimeout })
	setSlowStart     = duration(0, func(s *Settings) *time.Duration { return &s.Config.Front.SlowStart })
	setHeaderTimeout = duration(leastTimeout, func(s *Settings) *time.Duration { return &s.Config.Front.HeaderTimeout })
	setIdleTimeout   = duration(leastTimeout, func(s *Settings) *time.Duration { return &s.Config.Front.IdleTimeout })
	setAccessLog     = word(func(s *Settings) *string { return &s.AccessLog }, off, "text", "json")
)

// limited makes a setter of a count that may be off, which is 0 in every field.
func limited(fields func(*Settings) []*int) func(*builder, string) (string, error) {
	return func(b *builder, text string) (string, error) {
		if text == off {
			return off, nil
		}
		n, err := count(text, 1)
		if err != nil {
			return "", fmt.Errorf("%w, or off", err)
		}
		for _, field := range fields(b.s) {
			*field = n
		}
		return strconv.Itoa(n), nil
	}
}

var (
	setMaxConcurrency = limited(func(s *Settings) []*int { return []*int{&s.Config.Front.MaxConcurrency} })
	// The front counts the requests, the policy replaces the worker.
	setMaxRequests = limited(func(s *Settings) []*int {
		return []*int{&s.Config.Policy.MaxRequests, &s.Config.Front.MaxRequests}
	})
)

func setMaxHeader(b *builder, text string) (string, error) {
	size, err := ParseSize(text)
	if err != nil {
		return "", err
	}
	if size.Share > 0 || size.Bytes < leastHeader || size.Bytes > mostHeader {
		return "", fmt.Errorf("%q is no size for a header (want %s to %s)", text, formatSize(leastHeader), formatSize(mostHeader))
	}
	b.s.Config.Front.MaxHeader = int(size.Bytes)
	return formatSize(size.Bytes), nil
}

// setTrustedProxies takes one network, or the word for clients on unix sockets.
func setTrustedProxies(b *builder, text string) (string, error) {
	f := &b.s.Config.Front
	if text == trustUnix {
		f.TrustUnix = true
		return text, nil
	}
	proxies, err := ParseProxies(text)
	if err != nil {
		return "", err
	}
	f.TrustedProxies = append(f.TrustedProxies, proxies)
	return proxies.String(), nil
}

func setReadyPath(b *builder, text string) (string, error) {
	if err := checkPath(text); err != nil {
		return "", err
	}
	b.s.Config.ReadyPath = text
	return text, nil
}

// setHealthPath takes no query: the requests are told by their path, and whoever
// asks for it with a query means the same.
func setHealthPath(b *builder, text string) (string, error) {
	if text == off {
		return off, nil
	}
	path, err := parsePath(text)
	if err != nil {
		return "", fmt.Errorf("%w, or off", err)
	}
	b.s.Config.Front.HealthPath = path
	return text, nil
}
