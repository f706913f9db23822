package cli

import (
	"fmt"
	"net"

	"rota/supervisor"
	"rota/supervisor/admin/control"
)

// openControl opens the control socket. One that was asked for must be had; a
// place that cannot be written to, as in a container that is read-only, must not
// keep the pool from serving. It is nil without one.
func (sv *service) openControl(s *Settings) (*control.Listener, error) {
	if s.Control == off {
		return nil, nil
	}
	socket, err := control.Listen(s.Control, func(p control.Peer, n int64) {
		sv.log.warn(fmt.Sprintf("the control socket was refused to the user %d (process %d), %d times so far: it is this user's and root's alone", p.UID, p.PID, n))
	})
	switch {
	case err == nil:
		return socket, nil
	case s.Control != "":
		return nil, &ExitError{supervisor.ExitFailed, err}
	}
	sv.log.warn(fmt.Sprintf("rota status, roll and the like cannot reach this pool: %v", err))
	return nil, nil
}

func (sv *service) serveControl(socket *control.Listener) {
	if socket == nil {
		return
	}
	go func() {
		if err := sv.admin.ServeControl(socket); err != nil {
			sv.log.warn(fmt.Sprintf("the control socket %s has failed: %v", socket.Path(), err))
		}
	}()
	sv.log.info("control socket", "path", socket.Path())
}

// serveAdmin opens the admin address. One that was asked for must be free; the
// default one may be another pool's, which must not keep this one from serving.
func (sv *service) serveAdmin(s *Settings) error {
	if s.Admin == "" {
		return nil
	}
	l, err := net.Listen("tcp", s.Admin)
	if err == nil {
		go func() {
			if err := sv.admin.Serve(l); err != nil {
				sv.log.warn(fmt.Sprintf("the admin address %s has failed: %v", s.Admin, err))
			}
		}()
		scheme := "http://"
		if sv.certificate != nil {
			scheme = "https://"
		}
		sv.log.info("metrics and health", "url", scheme+l.Addr().String())
		return nil
	}
	for _, v := range s.Values {
		if v.Name == "admin" && v.Source == fromDefault {
			sv.log.warn(fmt.Sprintf("no metrics: cannot listen on the default admin address: %v (is another rota running? choose another with --admin)", err))
			return nil
		}
	}
	return &ExitError{supervisor.ExitFailed, fmt.Errorf("cannot listen for --admin: %w (is another rota running?)", err)}
}

// readGuards reads the files of the admin address again, and says what is wrong
// with them. They are read at their use, too.
func (sv *service) readGuards() (warnings []string) {
	if sv.token != nil {
		if err := sv.token.Read(); err != nil {
			warnings = append(warnings, err.Error()+" (nobody can change anything over admin until it can be)")
		} else if text := sv.token.Warning(); text != "" {
			warnings = append(warnings, text)
		}
	}
	if sv.certificate != nil {
		if err := sv.certificate.Read(); err != nil {
			warnings = append(warnings, err.Error()+" (going on with the one before)")
		}
	}
	return warnings
}
