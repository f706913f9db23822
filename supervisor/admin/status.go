package admin

import (
	"encoding/json"
	"net/http"
	"os"

	"rota/policy"
	"rota/supervisor"
	"rota/supervisor/admin/api"
)

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	st := s.current()
	if st == nil {
		refuse(w, http.StatusServiceUnavailable, "rota has only just begun")
		return
	}
	answer(w, st)
}

// current is the pool as it is now; nil before there is anything to tell.
func (s *Server) current() *api.Status {
	st := s.options.Pool.Status()
	if st == nil {
		return nil
	}
	return s.describe(st)
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	// An error means that the client has gone.
	_ = json.NewEncoder(w).Encode(value)
}

// refuse sends an api.Error.
func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(api.Error{Message: message})
}

// describe is a pool's state as the API tells it.
func (s *Server) describe(st *supervisor.Status) *api.Status {
	d := &api.Status{
		Time: st.Time, Version: s.options.Version, PID: os.Getpid(), StartedAt: s.options.Started,
		Desired: st.Desired, Ready: st.Ready, Alive: len(st.Workers), Accept: st.Accept, Generation: st.Generation,
		Cycles: map[string]int{}, Paused: map[string]string{}, Workers: []api.Worker{},
	}
	for _, t := range policy.Triggers {
		d.Cycles[string(t)] = 0
	}
	for _, w := range st.Workers {
		d.Workers = append(d.Workers, api.Worker{ID: w.ID, Slot: w.Slot, PID: w.PID, State: string(w.State), Generation: w.Generation, StartedAt: w.Started})
	}
	return d
}
