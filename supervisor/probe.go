package supervisor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"rota/listener/front"
)

// A worker is asked for Config.ReadyPath at this pace, and each try may take
// this long.
const (
	probePause = 100 * time.Millisecond
	probeTime  = time.Second
)

// probe asks a starting worker for Config.ReadyPath until it answers that it is
// ready.
func (s *Supervisor) probe(p *process) {
	if p.probing != nil || !p.readyAt.IsZero() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.probing = cancel
	id, path, sockets := p.id, s.config.ReadyPath, s.sockets
	dial := func() (net.Conn, error) { return sockets.Dial(id) }
	go func() {
		for ctx.Err() == nil {
			ok, err := askReady(dial, path)
			s.post(probed{id, ok, err})
			if ok {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(probePause):
			}
		}
	}()
}

func (s *Supervisor) onProbed(m probed, now time.Time) {
	p := s.processes[m.id]
	switch {
	case p == nil || !p.readyAt.IsZero():
	case m.ok:
		s.ready(p, now)
	case errors.Is(m.err, front.ErrTLS):
		s.unfit(p, m.err.Error(), now)
	default:
		p.answer = m.err.Error()
	}
}

// askReady asks for a path once. Its error says what came instead of 2xx or 3xx.
func askReady(dial func() (net.Conn, error), path string) (bool, error) {
	conn, err := dial()
	if err != nil {
		return false, fmt.Errorf("cannot ask for %s: %w", path, err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(probeTime))
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: rota\r\nAccept: */*\r\nConnection: close\r\n\r\n", path)
	if err != nil {
		return false, fmt.Errorf("cannot ask for %s: %w", path, err)
	}
	// A header is not read without an end.
	r := bufio.NewReader(io.LimitReader(conn, 64<<10))
	begin, err := r.Peek(2)
	var timeout net.Error
	switch {
	case front.LooksLikeTLS(begin):
		return false, front.ErrTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return false, fmt.Errorf("%s was not answered within %s", path, probeTime)
	case err != nil:
		if front.SpeaksTLS(dial) {
			return false, front.ErrTLS
		}
		return false, fmt.Errorf("%s was not answered: the connection was closed", path)
	}
	code, err := readAnswer(r, dial)
	switch {
	case errors.Is(err, front.ErrTLS):
		return false, err
	case err != nil:
		return false, fmt.Errorf("%s was not answered in HTTP: %s", path, strings.TrimSpace(err.Error()))
	case code/100 != 2 && code/100 != 3:
		return false, fmt.Errorf("%s answered %d", path, code)
	}
	return true, nil
}

// readAnswer reads the status of an answer, behind any that are informational.
func readAnswer(r *bufio.Reader, dial func() (net.Conn, error)) (int, error) {
	for {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, err
		}
		if response.StatusCode == http.StatusBadRequest {
			body, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
			if front.MentionsTLS(body) && front.SpeaksTLS(dial) {
				return 0, front.ErrTLS
			}
		}
		if code := response.StatusCode; code >= 200 || code == http.StatusSwitchingProtocols {
			return code, nil
		}
	}
}
