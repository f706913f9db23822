package admin

import (
	"net/http"

	"rota/supervisor/admin/api"
)

// To be replaced by what the supervisor knows of its rolls, and explains.

func (s *Server) describeRolls() *api.Rolls { return &api.Rolls{History: []api.Roll{}} }

func (s *Server) explanation(slot int) (*api.Explanation, error) {
	return nil, &api.Error{Code: http.StatusNotImplemented, Message: "this version cannot explain yet"}
}
