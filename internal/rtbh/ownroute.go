package rtbh

// RouteOf returns the route that one blackhole makes by itself, whoever else
// has blackholed its prefix. It is what a customer may be shown: what is really
// announced has the attributes of the earliest, which may be somebody else's.
func (s *State) RouteOf(b Blackhole) (Route, bool) { return s.routeOf(&b) }
