package config

// Diff compares the neighbors of two configurations, each sorted by address: which
// are new, which are gone (as they were), and which changed (as they are now). A
// nil *BGP has none.
func Diff(old, new *BGP) (added, removed, changed []Neighbor) {
	var was, is []Neighbor
	if old != nil {
		was = old.Neighbors
	}
	if new != nil {
		is = new.Neighbors
	}
	for len(was) > 0 || len(is) > 0 {
		switch {
		case len(was) == 0 || len(is) > 0 && is[0].Addr.Less(was[0].Addr):
			added, is = append(added, is[0]), is[1:]
		case len(is) == 0 || was[0].Addr.Less(is[0].Addr):
			removed, was = append(removed, was[0]), was[1:]
		default:
			if was[0] != is[0] {
				changed = append(changed, is[0])
			}
			was, is = was[1:], is[1:]
		}
	}
	return added, removed, changed
}
