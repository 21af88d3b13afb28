package grammar

// Mode is one place of the command line: view, enable, configure, router.
// Modes are compared by pointer.
type Mode struct {
	Name   string // "config-router", for the manual and for tests
	Prompt string // what stands between host name and space: "# ", "(config-router)# "
	Parent *Mode  // where rows that enter a mode are also looked for; nil = nowhere
	Open   bool   // all of this mode's rows are found from the modes below it, not only those that enter a mode
}

// Role is a set of roles, one bit each; the caller gives the bits their
// meaning. A row that is not for a user's role does not exist for that user.
type Role uint8

// Everyone is the role set of a row that is for all.
const Everyone Role = 0

func (r Role) includes(who Role) bool { return r == Everyone || r&who != 0 }

// Row is one command.
type Row[C any] struct {
	Modes   []*Mode
	Pattern string
	Help    []string // one line a token, in pattern order (each branch's tokens in turn); "" or missing = the table's word list
	For     Role     // who may see and run it
	Enters  *Mode    // the mode that the session is in after Run succeeded; nil = stays
	Hidden  bool     // runs when its keywords are typed in full, but is not in `?`, Tab, `list` and the manual
	Full    bool     // its keywords cannot be abbreviated, so that it stands in the way of no abbreviation of another row
	Run     func(ctx C, m *Match) error
}

// Table is a set of rows, compiled. It never changes.
type Table[C any] struct {
	rows  []*compiled
	data  []Row[C] // data[i] is what rows[i] was compiled from
	modes map[*Mode][]*compiled
	order []*Mode // as first named
}
