package supervisor

// Asked tells of a change that an operator has asked for, and who it was: before
// it is tried, so that what comes of it follows in the log.
func (s *Supervisor) Asked(what, by string) {
	s.ask(func() { s.event(Event{Kind: OperatorAsked, Reason: "by " + by, Message: what}) })
}

// Denied tells of one that was not made.
func (s *Supervisor) Denied(what, by string, err error) {
	s.ask(func() {
		s.event(Event{Kind: OperatorDenied, Reason: "by " + by, Message: what + ": " + err.Error()})
	})
}
