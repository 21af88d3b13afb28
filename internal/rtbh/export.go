package rtbh

// Export runs routes through the route-map that a neighbor is sent them by
// (`neighbor X route-map NAME out`): each through the first clause that matches
// it. It returns what leaves, in order, and without those that the map denies or
// that no clause matches. defined is false when there is no such map.
func (s *State) Export(name string, routes []Route) (out []Route, defined bool) {
	m, defined := s.routeMaps[name]
	if !defined {
		return nil, false
	}
	out = make([]Route, 0, len(routes))
	for _, r := range routes {
		if r, permit := s.evaluate(m, r); permit {
			out = append(out, r)
		}
	}
	return out, true
}
