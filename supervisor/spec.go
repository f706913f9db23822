package supervisor

import (
	"slices"
	"strconv"
	"strings"

	"rota/listener"
	"rota/policy"
	"rota/supervisor/launch"
)

// spec is what a worker is started with.
func (s *Supervisor) spec(w policy.Worker) (launch.Spec, error) {
	config := s.releases[w.Generation]
	spec := launch.Spec{Path: config.Path, Adopt: config.Adopts() && !s.noFilter, Score: score(s.contained.Limit.Bytes), Stdout: s.options.Stdout, Stderr: s.options.Stderr}
	env := []string{"ROTA_SLOT=" + strconv.Itoa(w.Slot), "ROTA_GENERATION=" + strconv.Itoa(w.Generation)}
	fd := ""
	held, port, err := s.gift(w, config)
	if err != nil {
		return spec, err
	}
	if config.Inherits() {
		for _, h := range held {
			spec.Sockets = append(spec.Sockets, h.FD())
		}
		fd = strconv.Itoa(listener.FirstFD)
		// A server that is told in its arguments must not be told again: gunicorn
		// would open the descriptor twice.
		if !names(config.Command, "{fd}") {
			env = append(env, listener.Environ(held)...)
		}
	}
	for _, arg := range config.Command {
		arg = strings.ReplaceAll(arg, "{fd}", fd)
		if port != 0 {
			arg = strings.ReplaceAll(arg, "{port}", strconv.Itoa(int(port)))
		}
		spec.Args = append(spec.Args, arg)
	}
	if port != 0 {
		env = append(env, "PORT="+strconv.Itoa(int(port)))
	}
	if s.notify != nil {
		path, err := s.notify.listen(w.ID, func() { s.post(answered{id: w.ID}) })
		if err != nil {
			return spec, err
		}
		env = append(env, "NOTIFY_SOCKET="+path)
	}
	spec.Env = merge(s.options.Environ, config.Env, env)
	return spec, nil
}

// gift is what a worker gets of the sockets before it starts: those that it
// inherits, and the port that it is told to bind.
func (s *Supervisor) gift(w policy.Worker, config Config) (held []*listener.Socket, port uint16, err error) {
	if s.steering != nil {
		held, err = s.sockets.Seat(w.ID)
		return held, 0, err
	}
	if s.front == nil {
		return s.sockets.Handed(), 0, nil
	}
	if config.GivesPort() {
		port, err = listener.FreePort(func(port uint16) bool {
			for _, p := range s.processes {
				if p.port == port {
					return true
				}
			}
			return false
		})
		if err != nil {
			return nil, 0, err
		}
		s.processes[w.ID].port = port
	}
	held, err = s.sockets.Prepare(w.ID, listener.Gift{
		Inherit: config.Inherits(), Port: port,
		Sure: names(config.Command, "{fd}") || port != 0 && names(config.Command, "{port}"),
	})
	return held, port, err
}

// names tells whether an argument of a command asks for something of rota's.
func names(command []string, what string) bool {
	return slices.ContainsFunc(command, func(arg string) bool { return strings.Contains(arg, what) })
}

// merge lays environments over each other; the later value of a name wins. A
// name given twice would leave it to the program which one it sees.
func merge(layers ...[]string) []string {
	var out []string
	index := map[string]int{}
	for _, layer := range layers {
		for _, kv := range layer {
			name, _, _ := strings.Cut(kv, "=")
			if i, ok := index[name]; ok {
				out[i] = kv
				continue
			}
			index[name] = len(out)
			out = append(out, kv)
		}
	}
	return out
}
