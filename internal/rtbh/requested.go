package rtbh

// Requested returns what a request did, if it was applied so lately that it is
// remembered: the answer to one whose outcome got lost on its way back.
func (s *State) Requested(id RequestID) (Result, bool) {
	r, ok := s.known[id]
	if !ok {
		return Result{}, false
	}
	return r.result, true
}
