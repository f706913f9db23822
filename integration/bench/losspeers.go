package main

// lossPeers are others with their own way of replacing all workers. The rows name
// the server first, as those of rota do.
func lossPeers(w want, quick bool) []*entry {
	one := w
	one.atOnce = 1 // as many processes as under rota, which gives gunicorn's sync workers no more
	// It has one copy, which is to hold as much as the workers of others together.
	alone := w
	alone.workers, alone.atOnce = 1, w.workers*w.atOnce
	entries := []*entry{
		{contender: gunicornHUP(), want: w, row: "gunicorn gthread: HUP"},
		{contender: uwsgiReload(), want: w, row: "uWSGI: reload"},
		{contender: pumaPhased(), want: w, row: "Puma: phased restart"},
		{contender: unicornUSR2(), want: w, row: "unicorn: USR2, then QUIT"},
		{contender: phpFPM(), want: w, row: "php-fpm behind nginx: reload"},
		{contender: apacheGraceful(), want: w, row: "Apache prefork: graceful"},
		{contender: pm2Reload(), want: w, row: "Node with a handler: PM2 reload"},
		{contender: startServer(), want: alone, row: "Go with Shutdown: start_server"},
		{contender: nginx(), want: w, row: "Go with Shutdown: nginx, reload"},
		{contender: haproxy(), want: w, row: "Go with Shutdown: HAProxy, drain"},
	}
	if quick {
		return entries
	}
	return append(entries,
		&entry{contender: gunicornUSR2(), want: w, row: "gunicorn gthread: USR2"},
		&entry{contender: gunicornSyncHUP(), want: one, row: "gunicorn sync: HUP"},
		&entry{contender: uwsgiChain(), want: w, row: "uWSGI: chain reload"},
		&entry{contender: pumaHot(), want: w, row: "Puma: hot restart"},
		&entry{contender: unicornHUP(), want: w, row: "unicorn: HUP"},
	)
}
