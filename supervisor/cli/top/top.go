// Package top is the full-screen view of a running pool: what an operator looks
// at, and acts from, when something is wrong.
//
// The model takes what the pool tells and which keys are pressed, and says what to
// show; it knows no terminal, no network and no clock. It is drawn by rota itself:
// a library for that (tcell, tview) costs every start of rota 0.4 ms and more for
// tables of terminals, and each worker starts as rota.
package top

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"rota/supervisor/admin/api"
)

// keyPause ends a sequence of bytes that did not go on: it was the Esc key.
const keyPause = 50 * time.Millisecond

// Stopped is the error of Run when a signal has ended it.
type Stopped struct{ Signal syscall.Signal }

func (e *Stopped) Error() string { return fmt.Sprintf("ended by signal %d", int(e.Signal)) }

// Run shows a pool on the terminal behind in and out until the operator quits or
// ctx ends. find says where the pool is; it is asked again whenever the connection
// is lost. A pool that does not answer at first is an error, before anything is
// drawn; later it is waited for. The terminal is as it was when Run returns,
// whatever happens; a signal that ends it is a Stopped, and the context's end its
// cause.
func Run(ctx context.Context, find func() (*api.Client, error), in, out *os.File, getenv func(string) string) error {
	t, err := newTerminal(in, out, getenv)
	if err != nil {
		return err
	}
	first, err := firstStatus(ctx, find)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(signals)
	p := &program{
		first: first, ctx: ctx, find: find, term: t, model: newModel(), painter: &painter{out: out, colours: t.colours},
		news: make(chan news), signals: signals, typed: make(chan []byte),
	}
	defer t.guard()
	defer t.close()
	if err := t.open(); err != nil {
		return err
	}
	p.spawn(func() { t.keys(p.typed, ctx.Done()) })
	p.spawn(func() { (&feed{find: find, to: p.news}).run(ctx) })
	return p.run()
}

// firstStatus asks the pool whether it is there.
func firstStatus(ctx context.Context, find func() (*api.Client, error)) (*api.Status, error) {
	client, err := find()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return client.Status(ctx)
}

// program brings model, terminal and pool together, on one goroutine.
type program struct {
	first   *api.Status
	ctx     context.Context
	find    func() (*api.Client, error)
	term    *terminal
	model   *model
	painter *painter
	decoder decoder

	news    chan news
	signals chan os.Signal
	typed   chan []byte

	asking  bool // an explanation is on its way
	resumed bool // a SIGCONT is on its way that nothing is to be done about
}

// spawn runs f beside the program.
func (p *program) spawn(f func()) {
	go func() {
		defer p.term.guard()
		f()
	}()
}

// run draws, waits for what happens, and draws again.
func (p *program) run() error {
	p.model.tick(time.Now())
	p.model.heed(p.first)
	each := time.NewTicker(time.Second)
	defer each.Stop()
	for {
		p.model.tick(time.Now())
		w, h := p.term.size()
		if err := p.painter.show(p.model.view(w, h, p.term.glyphs)); err != nil {
			return fmt.Errorf("cannot write to the terminal: %w", err)
		}
		var escape <-chan time.Time
		if p.decoder.pending() {
			escape = time.After(keyPause)
		}
		done, err := false, error(nil)
		select {
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		case s := <-p.signals:
			done, err = p.signalled(s.(syscall.Signal))
		case b, ok := <-p.typed:
			if !ok {
				return nil // the terminal is gone
			}
			done, err = p.press(p.decoder.feed(b))
		case <-escape:
			done, err = p.press(p.decoder.flush())
		case n := <-p.news:
			p.take(n)
		case <-each.C:
		}
		if done || err != nil {
			return err
		}
	}
}

// take gives the model all that has come in, so that it is drawn once.
func (p *program) take(n news) {
	before := p.model.latest
	for more := true; more; {
		n(p.model)
		select {
		case n = <-p.news:
		default:
			more = false
		}
	}
	if why := p.model.why; why != nil && p.model.latest != before && !p.model.frozen {
		p.explain(why.slot)
	}
}

func (p *program) signalled(s syscall.Signal) (done bool, err error) {
	switch s {
	case syscall.SIGWINCH:
		return false, nil // it is drawn in any case
	case syscall.SIGCONT:
		if p.resumed {
			p.resumed = false // suspend has seen to it
			return false, nil
		}
		// Somebody has stopped rota with a signal that it did not catch, and the
		// shell has set the terminal as it likes it.
		p.term.close()
		p.painter.last = nil
		return false, p.term.open()
	}
	return true, &Stopped{s}
}

func (p *program) suspend() (err error) {
	p.painter.last = nil
	p.resumed, err = p.term.suspend()
	return err
}

// press does what keys ask for.
func (p *program) press(keys []key) (quit bool, err error) {
	for _, k := range keys {
		c := p.model.press(k)
		switch {
		case c.quit:
			return true, nil
		case c.suspend:
			if err := p.suspend(); err != nil {
				return false, err
			}
		case c.redraw:
			p.painter.last = nil
		case c.explain:
			p.explain(c.slot)
		case c.do != nil:
			a := *c.do
			p.ask(func(client *api.Client) news { return perform(p.ctx, client, a) }, func(m *model, err error) { m.say(err.Error(), true) })
		}
	}
	return false, nil
}

// explain asks for an explanation, unless one is on its way.
func (p *program) explain(slot int) {
	if p.asking {
		return
	}
	p.asking = true
	p.ask(func(client *api.Client) news {
		n := inquire(p.ctx, client, slot)
		return func(m *model) {
			p.asking = false
			n(m)
		}
	}, func(m *model, err error) {
		p.asking = false
		m.explained(slot, nil, err)
	})
}

// ask does something with the pool while the display goes on; failed takes the
// error where there is none.
func (p *program) ask(what func(*api.Client) news, failed func(*model, error)) {
	p.spawn(func() {
		var n news
		if client, err := p.find(); err != nil {
			n = func(m *model) { failed(m, err) }
		} else {
			n = what(client)
		}
		select {
		case p.news <- n:
		case <-p.ctx.Done():
		}
	})
}
