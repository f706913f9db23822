package main

// Who else takes part in which question.

// leakPeers are those that do something about memory, as their documentation
// advises, and one that does nothing.
func leakPeers(w want) []*entry {
	return entriesOf(w, supervisord(), gunicornMaxRequests(), uwsgiReloadOnRSS(), pumaWorkerKiller(), unicornWorkerKiller(),
		pm2Reload(), pm2Often(), apacheGraceful(), phpFPM())
}

// rollingPeers are those that replace workers which load their application at the
// start; PHP loads it for each request.
func rollingPeers(w want) []*entry {
	entries := entriesOf(w, gunicornHUP(), uwsgiReload(), uwsgiChain(), pumaPhased(), unicornUSR2(), pm2Reload(), haproxy(), supervisord())
	// It has one copy, which is to hold as much as the workers of others together.
	w.workers, w.atOnce = 1, w.workers*w.atOnce
	return append(entries, entriesOf(w, startServer())...)
}

func overloadPeers(w want) []*entry {
	return []*entry{
		{contender: haproxyQueue(heldAtOnce, overloadQueue, overloadWait), want: w, row: "HAProxy, fail fast"},
		{contender: haproxy(), want: w, row: "HAProxy, as it comes"},
	}
}

// proxyPeers pass on what they accept, as the front does.
func proxyPeers(w want) []*entry {
	return []*entry{{contender: haproxy(), want: w, row: "HAProxy"}, {contender: nginx(), want: w, row: "nginx"}}
}

func standbyPeers(w want) []*entry {
	return []*entry{
		{contender: supervisord(), want: w, row: "supervisord"},
		{contender: gunicornHUP(), want: w, row: "gunicorn's arbiter"},
		{contender: pm2Reload(), want: w, row: "PM2"},
	}
}

// bigRollPeers are those that do not need a minute for 48 workers.
func bigRollPeers(w want) []*entry { return entriesOf(w, gunicornHUP()) }

func entriesOf(w want, contenders ...contender) (entries []*entry) {
	for _, c := range contenders {
		entries = append(entries, &entry{contender: c, want: w})
	}
	return entries
}
