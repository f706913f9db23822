package admin

import (
	"bytes"
	"net/http"
	"time"
)

// A scrape takes 1 ms of a core with 4 workers and 5 ms with 100, and anybody who
// can reach the address may ask for one after another. They are made in turn, and
// after each comes a rest, so that all together take a fifth of a core.
const (
	scrapeRest    = 4                      // times as long as the scrape took
	longestRest   = 250 * time.Millisecond // on a busy machine a scrape takes longer than it costs
	scrapesAtOnce = 16                     // more wait for nothing and are refused
)

// paced makes pages in turn, and rests in between.
type paced struct {
	page    http.Handler
	waiting chan struct{} // has room for those that are made, waited for or sent
	turn    chan struct{} // holds one token while a page is made
	rest    time.Time     // until when; belongs to whose turn it is
}

func newPaced(page http.Handler) *paced {
	return &paced{page: page, waiting: make(chan struct{}, scrapesAtOnce), turn: make(chan struct{}, 1)}
}

// ServeHTTP implements http.Handler.
func (p *paced) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		http.Error(w, "too many scrapes at once", http.StatusServiceUnavailable)
		return
	}
	// Whole before any of it is sent: a client that reads slowly holds up nobody.
	whole := &page{header: w.Header(), code: http.StatusOK}
	p.make(whole, r)
	w.WriteHeader(whole.code)
	_, _ = w.Write(whole.body.Bytes()) // an error means that the client has gone
}

func (p *paced) make(whole *page, r *http.Request) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-r.Context().Done():
		return
	}
	rested := time.NewTimer(time.Until(p.rest))
	defer rested.Stop()
	select {
	case <-rested.C:
	case <-r.Context().Done():
	}
	if r.Context().Err() != nil {
		return // nobody waits for it any more
	}
	began := time.Now()
	p.page.ServeHTTP(whole, r)
	p.rest = time.Now().Add(min(scrapeRest*time.Since(began), longestRest))
}

// page is an answer that is kept.
type page struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (p *page) Header() http.Header         { return p.header }
func (p *page) WriteHeader(code int)        { p.code = code }
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }
