package admin

import (
	"net/http"

	"rota/supervisor/admin/api"
)

func (s *Server) rolls(w http.ResponseWriter, _ *http.Request) { answer(w, s.describeRolls()) }

// mostExplains ask the pool's loop at once: who asks for more has them wait here, and
// not for the loop, which would go on with what nobody is there for any more.
const mostExplains = 4

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	slot, err := slotOf(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if !s.explains.take(w, r, "too many ask for explanations") {
		return
	}
	defer s.explains.give()
	explanation, err := s.explanation(slot)
	if err != nil {
		refuseError(w, err)
		return
	}
	answer(w, explanation)
}

// rollNow is the number of the roll under way, 0 without any.
func (s *Server) rollNow() int {
	if current := s.describeRolls().Current; current != nil {
		return current.ID
	}
	return 0
}

// rollAfter is what has become of a roll.
func (s *Server) rollAfter(id int) *api.Roll {
	rolls := s.describeRolls()
	for i, r := range rolls.History {
		if r.ID == id {
			return &rolls.History[i]
		}
	}
	if rolls.Current != nil {
		return rolls.Current
	}
	return &api.Roll{ID: id}
}
