package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"rota/supervisor"
	"rota/supervisor/admin/api"
)

// Operator changes a pool. Each method returns once the change has begun, or
// says why it has not: see supervisor.ErrNoRoll and its like.
type Operator interface {
	Roll(reason string) (id int, err error) // reads the configuration again first, as HUP does
	PauseRoll() error
	ResumeRoll() error
	AbortRoll() error
	Cycle(slot int) error
	ScaleTo(workers int) (before int, err error)
	Stop()
	// Asked tells the log and the events of a change that was asked for, before it
	// is tried, and then of why it is not made, if so.
	Asked(what, by string)
	Denied(what, by string, err error)
}

// mostAsking requests wait for the supervisor's loop at once. It answers within
// microseconds; should it not, as on a machine that is out of memory, those that
// come must not pile up. A client that leaves takes nothing back: what it asked for is
// carried out once the loop gets to it.
const mostAsking = 32

const busy = "rota is busy, and has not got to what was asked before"

// ConfigError is a configuration that cannot be used, so that nothing was done.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string {
	return "cannot use the configuration; going on with what there was: " + e.Err.Error()
}

// Unwrap is what is wrong with it.
func (e *ConfigError) Unwrap() error { return e.Err }

// changes adds all that changes a pool.
func (s *Server) changes(mux *http.ServeMux) {
	operator := s.options.Operator
	if operator == nil { // in tests
		return
	}
	mux.HandleFunc("POST /v1/roll", s.change("roll", func(r *http.Request) (any, error) {
		id, err := operator.Roll("asked by " + byWhom(r))
		return api.Begun{ID: id}, err
	}))
	for name, do := range map[string]func() error{"pause": operator.PauseRoll, "resume": operator.ResumeRoll, "abort": operator.AbortRoll} {
		mux.HandleFunc("POST /v1/roll/"+name, s.change(name+" the roll", func(*http.Request) (any, error) {
			before := s.rollNow()
			if err := do(); err != nil {
				return nil, err
			}
			return s.rollAfter(before), nil
		}))
	}
	mux.HandleFunc("POST /v1/workers/{slot}/cycle", func(w http.ResponseWriter, r *http.Request) {
		slot, err := slotOf(r)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		s.change(fmt.Sprintf("cycle slot %d", slot), func(*http.Request) (any, error) { return nil, operator.Cycle(slot) })(w, r)
	})
	mux.HandleFunc("POST /v1/scale", s.scale)
	mux.HandleFunc("POST /v1/stop", s.change("stop", func(*http.Request) (any, error) {
		operator.Stop()
		return nil, nil
	}))
}

// change makes a handler of something that needs no body.
func (s *Server) change(what string, do func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := decode(r, &struct{}{}, false); err != nil {
			refuseError(w, err)
			return
		}
		s.carryOut(w, r, what, do)
	}
}

func (s *Server) scale(w http.ResponseWriter, r *http.Request) {
	var wanted struct {
		Workers *int `json:"workers"`
	}
	err := decode(r, &wanted, true)
	if err == nil && wanted.Workers == nil {
		err = &api.Error{Code: http.StatusBadRequest, Message: `the body says no number of workers (want {"workers": 3})`}
	}
	if err == nil && *wanted.Workers < 1 {
		err = &api.Error{Code: http.StatusBadRequest, Message: fmt.Sprintf("cannot scale to %d workers: want at least 1", *wanted.Workers)}
	}
	if err != nil {
		refuseError(w, err)
		return
	}
	n := *wanted.Workers
	s.carryOut(w, r, fmt.Sprintf("scale to %d workers", n), func(*http.Request) (any, error) {
		before, err := s.options.Operator.ScaleTo(n)
		if err != nil && !errors.Is(err, supervisor.ErrStopping) { // it is too large
			err = &api.Error{Code: http.StatusBadRequest, Message: err.Error()}
		}
		return api.Scaled{Before: before, Workers: n}, err
	})
}

// carryOut makes a change that nothing is wrong with.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, what string, do func(*http.Request) (any, error)) {
	by := byWhom(r)
	if by == "" {
		refuse(w, http.StatusForbidden, "internal error: nobody has admitted this")
		return
	}
	if !s.loop.take(w, r, busy) {
		return
	}
	defer s.loop.leave()
	s.options.Operator.Asked(what, by)
	result, err := do(r)
	switch {
	case err != nil:
		s.options.Operator.Denied(what, by, err)
		refuseError(w, err)
	case result == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		answer(w, result)
	}
}

// refuseError answers with an error, and the status that it stands for.
func refuseError(w http.ResponseWriter, err error) {
	code := http.StatusConflict // the pool is not in a state for it
	var known *api.Error
	var config *ConfigError
	switch {
	case errors.As(err, &known):
		code = known.Code
	case errors.As(err, &config):
		code = http.StatusUnprocessableEntity
	case errors.Is(err, supervisor.ErrNoWorker):
		code = http.StatusNotFound
	}
	refuse(w, code, err.Error())
}

// slotOf is the slot in a request's path.
func slotOf(r *http.Request) (int, error) {
	text := r.PathValue("slot")
	slot, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no slot (want a number like 0)", text)
	}
	return int(slot), nil
}

// decode reads a body of JSON, which must be all that there is of it. An empty one
// is fine unless it is needed.
func decode(r *http.Request, into any, needed bool) error {
	bad := func(code int, format string, args ...any) error {
		return &api.Error{Code: code, Message: fmt.Sprintf(format, args...)}
	}
	body, err := io.ReadAll(r.Body) // guard has seen to its length
	switch {
	case err != nil:
		return bad(http.StatusRequestTimeout, "cannot read the body: it did not come in time, or not whole")
	case len(body) == 0 && !needed:
		return nil
	}
	// A form of another site cannot send this type without being asked first.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); len(body) > 0 && (err != nil || kind != "application/json") {
		return bad(http.StatusUnsupportedMediaType, "the body is no JSON: send it with Content-Type: application/json")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return bad(http.StatusBadRequest, "cannot read the body: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return bad(http.StatusBadRequest, "cannot read the body: there is more than one value in it")
	}
	return nil
}
