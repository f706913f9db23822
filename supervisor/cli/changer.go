package cli

import (
	"rota/supervisor"
	"rota/supervisor/admin"
)

// changer makes the changes that are asked for over HTTP: those that the supervisor
// makes, but for the roll.
type changer struct {
	*supervisor.Supervisor
	service *service
}

var _ admin.Operator = changer{}

// Roll reads the configuration again, as HUP does, but tells whoever asks what is
// wrong with it.
func (c changer) Roll(reason string) (id int, err error) {
	id, err = c.service.take(true, reason)
	switch {
	case err != nil:
		return 0, &admin.ConfigError{Err: err}
	case id == 0:
		return 0, supervisor.ErrStopping
	}
	return id, nil
}
