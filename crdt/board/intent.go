package board

import (
	"time"

	"muster/crdt"
)

// An Intent is what a person typed: a verb and its arguments. Which fields a verb reads is in [Verbs]; the others must
// be zero. Text and Reason are the same to every verb: the one thing it wants said.
type Intent struct {
	Verb string
	Ref  string // task, note, hypothesis or decision: short id or unique start of its text

	Who      []string // handles, with or without @
	Text     string
	Reason   string
	Kind     string // of a note
	Topic    string // of a decision
	Subject  string // of a settlement: number of the conflict, command, status, a role, decision, or a task
	Value    string // of a settlement; of status; of here; the role of role
	Severity int
	Fatigue  int
	Services []string
	Refs     []string // of accept: open items of the briefing, by number or id
	Resource string
	Other    crdt.DocID // of same: the other incident
	Items    []string   // of a playbook
	Item     int        // number of an item, from 1
	Labels   []string   // key=value
	Place    string     // where something is seen from or was published

	SealedFor []PersonID // of note: for whom its text is sealed; see [Sealed]
	Sealed    []byte     // of note: the sealed text; Text is then what can be said of it to everybody

	AtMS  int64 // when it happened, by the person's account
	ForMS int64 // how long

	Once     bool
	Vital    bool
	Force    bool
	Withdraw bool
	Drill    bool // of declare: an exercise
	Yes      bool // the question of a confirm problem was answered yes
}

// People names the members of the team. It must not change during a call.
type People interface {
	Handle(p PersonID) string         // never empty
	Person(h string) (PersonID, bool) // by handle, without @
	All() []PersonID                  // everyone, in a fixed order
}

// A CheckContext is what an intent is checked against besides the board.
type CheckContext struct {
	Now    time.Time
	Actor  PersonID
	People People

	// Presence says whether a person can be reached from here now; if not, how long ago they were last heard, in
	// milliseconds, and whether they ever were. Nil: everyone can be reached.
	Presence func(p PersonID) (reachable bool, heardMS int64, ever bool)

	// Removed says whether a person is out of the team, and since when, in milliseconds. Nil: nobody is.
	Removed func(p PersonID) (atMS int64, out bool)

	// Taken says whether an incident known here has this name. Nil: none has. Read by [Declare] only.
	Taken func(name string) bool

	Steward bool // the actor is a steward of the team

	// Quiet scales the silence after which a holder counts as absent, for drills faster than the clock; 0 means 1.
	Quiet float64
}

// A Draft is an operation that may be signed.
type Draft struct {
	Kind crdt.Kind
	Body []byte

	// Accept reports whether an operation with this hash gets a short id, or an incident a name, that nothing known here
	// has. The author salts the body anew until it does; after [MaxSalts] any will do. Nil: every hash is fine.
	Accept func(h crdt.Hash) bool

	Ref   func(h crdt.Hash) string // what was made or changed, as people type it
	Text  string                   // what happened, one line
	Notes []string                 // warnings and consequences, one line each
}

// MaxSalts bounds how often an author salts a body anew for a short id.
const MaxSalts = 64

// Codes of problems.
const (
	CodeUsage     = "usage"     // makes no sense as it stands
	CodeNotFound  = "not_found" // no such task, person, ...
	CodeAmbiguous = "ambiguous" // several match
	CodeRefused   = "refused"   // the rules say no
	CodeConfirm   = "confirm"   // ask Question, repeat with Yes
	CodeTooLarge  = "too_large" // over a limit of the format
)

// A Problem is the error of [Check] and [Declare].
type Problem struct {
	Code       string
	Message    string   // lower case, no full stop
	Hint       string   // what to do
	Question   string   // with CodeConfirm: the consequence, ending in a question mark
	Candidates []string // what was perhaps meant
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }
