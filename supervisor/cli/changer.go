package cli

import (
	"rota/supervisor"
	"rota/supervisor/admin"
)

// changer makes the changes that are asked for over HTTP.
type changer struct{ sv *service }

var _ admin.Operator = changer{}

// Roll reads the configuration again, as HUP does, but tells whoever asks what is
// wrong with it.
func (c changer) Roll(reason string) (id int, err error) {
	id, err = c.sv.take(true, reason)
	switch {
	case err != nil:
		return 0, &admin.ConfigError{Err: err}
	case id == 0:
		return 0, supervisor.ErrStopping
	}
	return id, nil
}

func (c changer) PauseRoll() error  { return c.sv.sup.PauseRoll() }
func (c changer) ResumeRoll() error { return c.sv.sup.ResumeRoll() }
func (c changer) AbortRoll() error  { return c.sv.sup.AbortRoll() }

func (c changer) Cycle(slot int) error { return c.sv.sup.Cycle(slot) }

func (c changer) Scale(workers int) (before int, err error) { return c.sv.sup.ScaleTo(workers) }

func (c changer) Stop() { c.sv.sup.Stop() }

func (c changer) Asked(what, by string) { c.sv.sup.Asked(what, by) }

func (c changer) Denied(what, by string, err error) { c.sv.sup.Denied(what, by, err) }
