package api

// Incident is one incident whole, schema muster.show/1. Lists are in the order a board shows them.
type Incident struct {
	Schema     string `json:"schema"`
	ID         string `json:"id"` // hexadecimal
	Name       string `json:"name"`
	Digest     string `json:"digest"`
	Operations int    `json:"operations"`

	Title      string   `json:"title"`
	Titles     []Value  `json:"titles,omitempty"` // when written concurrently: every text
	Severity   int      `json:"severity"`
	Severities []Value  `json:"severities,omitempty"` // when written concurrently: every value
	Status     string   `json:"status"`               // active, investigating, identified, mitigated, resolved, closed
	Contested  bool     `json:"contested,omitempty"`  // resolved on one side, escalated on the other
	Services   []string `json:"services,omitempty"`
	DeclaredBy string   `json:"declared_by"`
	DeclaredMS int64    `json:"declared_ms"`

	Command   Command    `json:"command"`
	Roles     []Role     `json:"roles,omitempty"`
	Tasks     []Task     `json:"tasks"`
	Notes     []Note     `json:"notes"`
	Decisions []Decision `json:"decisions,omitempty"`
	Theories  []Theory   `json:"hypotheses,omitempty"`
	CheckIns  []CheckIn  `json:"checkins,omitempty"`
	RollCalls []RollCall `json:"rollcalls,omitempty"`
	Thanks    []Thanks   `json:"thanks,omitempty"`
	Conflicts []Conflict `json:"conflicts"`         // class C, waiting for a human
	Merged    []Notice   `json:"merged,omitempty"`  // class B: merged, safe value shown
	Settled   []Settled  `json:"settled,omitempty"` // conflicts a human ended
}

// Value is one of several that were written without knowledge of each other.
type Value struct {
	Value string `json:"value"`
	By    string `json:"by"`
	AtMS  int64  `json:"at_ms"`
	Shown bool   `json:"shown,omitempty"`
}

// Command is who commands, who else claims to, and what is being handed over.
type Command struct {
	Commander string  `json:"commander,omitempty"` // shown; provisional while contested; empty: no commander
	Terms     []Term  `json:"terms"`               // live ones, the shown first
	Offers    []Offer `json:"offers,omitempty"`    // that wait for an answer
	SinceMS   int64   `json:"since_ms,omitempty"`
	Requests  []Value `json:"requests,omitempty"` // who asked the present holder for command
}

// Term is one stint in command.
type Term struct {
	Holder  string `json:"holder"`
	Basis   string `json:"basis"`  // declare, accept, assume, take, settle
	Acting  bool   `json:"acting"` // in the absence of another holder, for those who could be reached
	SinceMS int64  `json:"since_ms"`
	Reason  string `json:"reason,omitempty"`
	Orders  int    `json:"orders"` // given in this term
}

// Offer is a handoff that waits for an answer.
type Offer struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason,omitempty"`
	ForMS  int64  `json:"for_ms,omitempty"` // a break of that length; 0: for good
	AtMS   int64  `json:"at_ms"`
}

// Role is a hat worn on this incident.
type Role struct {
	Role    string   `json:"role"`
	Holders []string `json:"holders"`
}

// Task is one order or piece of work.
type Task struct {
	ID       string   `json:"id"` // as typed: t7f
	Op       string   `json:"op"`
	Text     string   `json:"text"`
	State    string   `json:"state"`            // open, assigned, acked, blocked, done, cancelled
	Mark     string   `json:"mark,omitempty"`   // what a tired reader must see: DOUBLE, DONE? disputed, CANCELLED - bob still working
	Owners   []string `json:"owners,omitempty"` // primary first; several when doubled
	Helpers  []string `json:"helpers,omitempty"`
	By       string   `json:"by"`
	AtMS     int64    `json:"at_ms"`
	DueMS    int64    `json:"due_ms,omitempty"`
	Once     bool     `json:"once,omitempty"`
	Vital    bool     `json:"vital,omitempty"`
	Resource string   `json:"resource,omitempty"`
	Blocked  string   `json:"blocked,omitempty"` // why
	Results  []Value  `json:"results,omitempty"`
	Overdue  bool     `json:"overdue,omitempty"`
	Verified bool     `json:"verified,omitempty"`

	Conflict string   `json:"conflict,omitempty"` // open class C kind: double, done-vs-cancelled, ran-twice, disputed-done
	Merged   []string `json:"merged,omitempty"`   // class B kinds: double, stand-down, both-done, ...
	Settled  []string `json:"settled,omitempty"`  // class C kinds a human ended

	Delivery *Delivery `json:"delivery,omitempty"` // of an assignment that its owner has not answered
}

// Note is one remark on the timeline.
type Note struct {
	ID         string   `json:"id"`
	Op         string   `json:"op"`
	Text       string   `json:"text,omitempty"`
	Kinds      []string `json:"kinds,omitempty"`
	By         string   `json:"by"`
	AtMS       int64    `json:"at_ms"` // recorded
	OccurredMS int64    `json:"occurred_ms,omitempty"`
	Redacted   *Value   `json:"redacted,omitempty"` // why, by whom, when
}

// Decision is an entry of the decision log.
type Decision struct {
	ID         string  `json:"id"`
	Op         string  `json:"op"`
	Text       string  `json:"text"`
	Topic      string  `json:"topic,omitempty"`
	By         string  `json:"by"`
	AtMS       int64   `json:"at_ms"`
	Stands     bool    `json:"stands"` // not the loser of a settled contradiction
	Objections []Value `json:"objections,omitempty"`
}

// Theory is a hypothesis.
type Theory struct {
	ID    string `json:"id"`
	Op    string `json:"op"`
	Text  string `json:"text"`
	By    string `json:"by"`
	AtMS  int64  `json:"at_ms"`
	State string `json:"state"` // open, ruled-out
	Why   string `json:"why,omitempty"`
}

// CheckIn is one reply of a person about themselves.
type CheckIn struct {
	By      string `json:"by"`
	State   string `json:"state"` // ok, busy, relief, leaving
	Fatigue int    `json:"fatigue,omitempty"`
	AtMS    int64  `json:"at_ms"`
}

// RollCall asks everyone to check in.
type RollCall struct {
	By    string `json:"by"`
	AtMS  int64  `json:"at_ms"`
	DueMS int64  `json:"due_ms,omitempty"`
}

// Thanks is appreciation, kept for the review.
type Thanks struct {
	By   string `json:"by"`
	To   string `json:"to"`
	Text string `json:"text,omitempty"`
	AtMS int64  `json:"at_ms"`
}

// Conflict waits for a human. The board stays usable and shows the safe value meanwhile.
type Conflict struct {
	N       int      `json:"n"`       // number in this list, for `settle N KEY`
	Kind    string   `json:"kind"`    // command, status, decision, double, done-vs-cancelled, ran-twice, disputed-done
	Subject string   `json:"subject"` // command, status, a task id, a decision topic
	Text    string   `json:"text"`    // one line: both values labelled with who and when
	Shown   string   `json:"shown"`   // the safe value shown meanwhile
	Choices []Choice `json:"choices"`
}

// Choice is one way to settle a conflict.
type Choice struct {
	Key   string `json:"key"` // what is typed: y, 1, bob
	Value string `json:"value"`
	Label string `json:"label"`
	By    string `json:"by,omitempty"`
	AtMS  int64  `json:"at_ms,omitempty"`
}

// Notice is a class B merge, mentioned once.
type Notice struct {
	Kind    string `json:"kind"` // severity, status, title, double, stand-down, both-done, ...
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`
	Open    bool   `json:"open"` // still to be seen on the board; false: history
}

// Settled is a conflict that a human ended.
type Settled struct {
	Kind    string   `json:"kind"`
	Subject string   `json:"subject"`
	Values  []string `json:"values"` // what stood against each other
	Chosen  string   `json:"chosen"`
	By      string   `json:"by"`
	Reason  string   `json:"reason,omitempty"`
	AtMS    int64    `json:"at_ms"`
}

// Entry is one line of the timeline, schema muster.log/1, in the order shown: derived time, which never runs backwards
// along causality.
type Entry struct {
	Op         string `json:"op"`
	Incident   string `json:"incident"`
	AtMS       int64  `json:"at_ms"`                 // recorded, by the author's clock
	OccurredMS int64  `json:"occurred_ms,omitempty"` // by the author's account
	Actor      string `json:"actor"`
	Device     string `json:"device"`
	Kind       string `json:"kind"`
	Ref        string `json:"ref,omitempty"` // short id of what it is about
	Text       string `json:"text"`
	Merged     bool   `json:"merged,omitempty"` // came by a merge, after a time apart
}
