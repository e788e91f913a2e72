package api

// Incident is one incident whole, schema muster.show/1. Lists are in the order a board shows them.
type Incident struct {
	Schema     string   `json:"schema"`
	ID         string   `json:"id"` // hexadecimal
	Name       string   `json:"name"`
	Names      []string `json:"names,omitempty"` // where several are one outage: every name, the first declared first
	Digest     string   `json:"digest"`
	Operations int      `json:"operations"`

	Title      string   `json:"title"`
	Titles     []Value  `json:"titles,omitempty"` // when written concurrently: every text
	Severity   int      `json:"severity"`
	Severities []Value  `json:"severities,omitempty"` // when written concurrently: every value
	Status     string   `json:"status"`               // active, investigating, identified, mitigated, resolved, closed
	Contested  bool     `json:"contested,omitempty"`  // resolved on one side, escalated on the other
	Ended      []Value  `json:"ended,omitempty"`      // who ended it and why, while it is over; several when they did not see each other
	EndedMS    int64    `json:"ended_ms,omitempty"`   // the earliest of them
	Services   []string `json:"services,omitempty"`
	Labels     []string `json:"labels,omitempty"` // region=eu
	Drill      bool     `json:"drill,omitempty"`  // an exercise
	DeclaredBy string   `json:"declared_by"`
	DeclaredMS int64    `json:"declared_ms"`

	Criteria   []Criterion `json:"exit_criteria,omitempty"` // what must hold before it is over
	People     []Standing  `json:"people,omitempty"`        // the last word about everybody, the newest first
	SuggestPAR string      `json:"suggest_par,omitempty"`   // why a roll call is due; empty: it is not

	Command     Command      `json:"command"`
	Roles       []Role       `json:"roles,omitempty"`
	Tasks       []Task       `json:"tasks"`
	Notes       []Note       `json:"notes"`
	Decisions   []Decision   `json:"decisions,omitempty"`
	Theories    []Theory     `json:"hypotheses,omitempty"`
	CheckIns    []CheckIn    `json:"checkins,omitempty"`
	RollCalls   []RollCall   `json:"rollcalls,omitempty"`
	Thanks      []Thanks     `json:"thanks,omitempty"`
	Sitrep      *Sitrep      `json:"sitrep,omitempty"`
	Resources   []Resource   `json:"resources,omitempty"`
	Updates     []Update     `json:"updates,omitempty"`
	Runs        []Run        `json:"runs,omitempty"`        // playbooks at work
	Conflicts   []Conflict   `json:"conflicts"`             // class C, waiting for a human
	Merged      []Notice     `json:"merged,omitempty"`      // class B: merged, safe value shown
	Settled     []Settled    `json:"settled,omitempty"`     // conflicts a human ended
	Rejoined    *Rejoined    `json:"rejoined,omitempty"`    // after a merge whose report has not been read here
	Suggestions []Suggestion `json:"suggestions,omitempty"` // other incidents that may be the same outage
	Warnings    []string     `json:"warnings,omitempty"`    // what is wrong with how it is led, each after the handle it is about

	Grey []Grey `json:"grey,omitempty"` // lines that do not count, by laptop
}

// Suggestion says that two incidents may be the same outage. Nothing is linked but by a person.
type Suggestion struct {
	Incident string `json:"incident"` // declared first
	Other    string `json:"other"`
	Why      string `json:"why"`
	Text     string `json:"text"` // one line, with what to type
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
	Leads     string  `json:"leads,omitempty"`    // who leads those this node can reach, while Commander is out of reach
}

// Term is one stint in command.
type Term struct {
	Holder  string `json:"holder"`
	Basis   string `json:"basis"`  // declare, accept, assume, take, settle
	Acting  bool   `json:"acting"` // in the absence of another holder, for those who could be reached
	SinceMS int64  `json:"since_ms"`
	Reason  string `json:"reason,omitempty"`
	Orders  int    `json:"orders"`             // given in this term
	AsOfMS  int64  `json:"as_of_ms,omitempty"` // the holder is out of reach: when they wrote the newest that is known of them

	RemovedMS int64 `json:"removed_ms,omitempty"` // the holder is out of the team: when their last laptop was removed

	From        string   `json:"from,omitempty"`         // accepted: who handed over
	Pending     bool     `json:"pending,omitempty"`      // nothing shows that From has seen the acceptance
	ConfirmedMS int64    `json:"confirmed_ms,omitempty"` // when From confirmed it; 0: they did not
	Unaware     []string `json:"unaware,omitempty"`      // those, as far as they are known
	Unconfirmed bool     `json:"unconfirmed,omitempty"`  // settled against somebody who has not been seen to know of it
}

// Offer is a handoff that waits for an answer.
type Offer struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason,omitempty"`
	ForMS  int64  `json:"for_ms,omitempty"` // a break of that length; 0: for good
	AtMS   int64  `json:"at_ms"`

	LapsesMS int64 `json:"lapses_ms,omitempty"` // when it lapses; 0: never
	Lapsed   bool  `json:"lapsed,omitempty"`    // it was made too long ago to be accepted
	Back     bool  `json:"back,omitempty"`      // command goes back to To after a break, as soon as they accept
	DueMS    int64 `json:"due_ms,omitempty"`    // Back: when the break is over
	Due      bool  `json:"due,omitempty"`       // Back: it is
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
	Gone     []string `json:"gone,omitempty"`   // those of Owners who are out of the team, while the task is not over
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
	LateAck  bool     `json:"late_ack,omitempty"` // somebody who was asked has not answered in time
	Stalled  bool     `json:"stalled,omitempty"`  // no word of its owners for twice the time it was given
	Verified bool     `json:"verified,omitempty"`

	Conflict string   `json:"conflict,omitempty"` // open class C kind: double, done-vs-cancelled, ran-twice, disputed-done
	Merged   []string `json:"merged,omitempty"`   // class B kinds: double, stand-down, both-done, ...
	Settled  []string `json:"settled,omitempty"`  // class C kinds a human ended

	Delivery *Delivery `json:"delivery,omitempty"` // of the order to its owners; nil when there are none, or it is over
	AsOfMS   int64     `json:"as_of_ms,omitempty"` // its owner is out of reach: when they wrote the newest that is known of them
	Incident string    `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// Note is one remark on the timeline.
type Note struct {
	ID         string   `json:"id"`
	Op         string   `json:"op"`
	Text       string   `json:"text,omitempty"`
	Texts      []Value  `json:"texts,omitempty"` // when revised concurrently: every text
	Kinds      []string `json:"kinds,omitempty"`
	Pinned     bool     `json:"pinned,omitempty"`
	By         string   `json:"by"`
	AtMS       int64    `json:"at_ms"` // recorded
	OccurredMS int64    `json:"occurred_ms,omitempty"`
	Redacted   *Value   `json:"redacted,omitempty"` // why, by whom, when
	Incident   string   `json:"incident,omitempty"` // where several names are one outage: the one it was written under

	SealedFor  []string `json:"sealed_for,omitempty"` // the only people who can read it, besides its author
	Unreadable bool     `json:"unreadable,omitempty"` // it is sealed and not for this node's device; Text says so
}

// Decision is an entry of the decision log.
type Decision struct {
	ID         string      `json:"id"`
	Op         string      `json:"op"`
	Text       string      `json:"text"`
	Topic      string      `json:"topic,omitempty"`
	By         string      `json:"by"`
	AtMS       int64       `json:"at_ms"`
	Stands     bool        `json:"stands"`               // not the loser of a settled contradiction
	Superseded bool        `json:"superseded,omitempty"` // decided again by somebody who knew of it
	Unread     bool        `json:"unread,omitempty"`     // nothing shows that the commander has read it
	Objections []Objection `json:"objections,omitempty"`
	Incident   string      `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// Objection is what somebody has against a decision.
type Objection struct {
	Value string `json:"value"`
	By    string `json:"by"`
	AtMS  int64  `json:"at_ms"`
	Seen  bool   `json:"seen,omitempty"` // who decided wrote something after it
}

// Criterion is something that must hold before the incident is over.
type Criterion struct {
	ID       string `json:"id"` // as typed: e3x
	Op       string `json:"op"`
	Text     string `json:"text"`
	By       string `json:"by"`
	AtMS     int64  `json:"at_ms"`
	Met      bool   `json:"met"`
	MetBy    string `json:"met_by,omitempty"`
	MetMS    int64  `json:"met_ms,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	Unmet    *Value `json:"unmet,omitempty"` // who says that it does not hold, and why
}

// Theory is a hypothesis.
type Theory struct {
	ID       string `json:"id"`
	Op       string `json:"op"`
	Text     string `json:"text"`
	By       string `json:"by"`
	AtMS     int64  `json:"at_ms"`
	State    string `json:"state"` // open, ruled-out
	Why      string `json:"why,omitempty"`
	Incident string `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// CheckIn is one reply of a person about themselves, or about somebody they vouch for.
type CheckIn struct {
	By       string `json:"by"`
	For      string `json:"for,omitempty"` // whom they vouch for; empty: themselves
	State    string `json:"state"`         // ok, busy, relief, help, leaving
	Fatigue  int    `json:"fatigue,omitempty"`
	Text     string `json:"text,omitempty"`
	Place    string `json:"place,omitempty"`
	AtMS     int64  `json:"at_ms"`
	Incident string `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// Standing is the last word about how somebody is. Their own word beats that of others.
type Standing struct {
	Who     string `json:"who"`
	State   string `json:"state"`
	Fatigue int    `json:"fatigue,omitempty"`
	Text    string `json:"text,omitempty"`
	Place   string `json:"place,omitempty"`
	By      string `json:"by,omitempty"` // who vouches for them; empty: their own word
	AtMS    int64  `json:"at_ms"`
}

// RollCall asks everyone to check in.
type RollCall struct {
	By    string `json:"by"`
	AtMS  int64  `json:"at_ms"`
	DueMS int64  `json:"due_ms,omitempty"`

	Open     bool       `json:"open,omitempty"` // somebody is missing, and it is the last one
	Replies  []Standing `json:"replies,omitempty"`
	Missing  []string   `json:"missing,omitempty"`
	Known    int        `json:"known"`              // people asked
	Incident string     `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// Thanks is appreciation, kept for the review.
type Thanks struct {
	By       string `json:"by"`
	To       string `json:"to"`
	Text     string `json:"text,omitempty"`
	AtMS     int64  `json:"at_ms"`
	Incident string `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// Conflict waits for a human. The board stays usable and shows the safe value meanwhile.
type Conflict struct {
	N        int      `json:"n"`                  // for `settle N KEY`; this node gives it to no other conflict of the incident
	Key      string   `json:"key"`                // names it on every node: c7f
	Kind     string   `json:"kind"`               // command, status, decision, double, done-vs-cancelled, ran-twice, disputed-done
	Subject  string   `json:"subject"`            // command, status, a task id, a decision topic
	SinceMS  int64    `json:"since_ms,omitempty"` // when the latest of what stands against each other was written
	Text     string   `json:"text"`               // one line: both values labelled with who and when
	Shown    string   `json:"shown"`              // the safe value shown meanwhile
	Choices  []Choice `json:"choices"`
	Incident string   `json:"incident,omitempty"` // where several names are one outage: the one it was written under
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
	Kind     string `json:"kind"` // severity, status, title, double, stand-down, both-done, ...
	Subject  string `json:"subject,omitempty"`
	Text     string `json:"text"`
	Open     bool   `json:"open"`               // still to be seen on the board; false: history
	Incident string `json:"incident,omitempty"` // where several names are one outage: the one it was written under
}

// Settled is a conflict that a human ended.
type Settled struct {
	Kind     string   `json:"kind"`
	Subject  string   `json:"subject"`
	Values   []string `json:"values"` // what stood against each other
	Chosen   string   `json:"chosen"`
	By       string   `json:"by"`
	Reason   string   `json:"reason,omitempty"`
	AtMS     int64    `json:"at_ms"`
	Incident string   `json:"incident,omitempty"` // where several names are one outage: the one it was written under
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
	Ref        string `json:"ref,omitempty"`   // short id of what it is about
	About      string `json:"about,omitempty"` // start of the text of what it answers
	Text       string `json:"text"`
	Merged     bool   `json:"merged,omitempty"` // came by a merge, after a time apart

	Grey  string `json:"grey,omitempty"`  // why it does not count: the state of its laptop, or "observer"; empty: it counts
	Aside string `json:"aside,omitempty"` // of a line that does not count: its own short id, for adopt
	From  string `json:"from,omitempty"`  // the laptop it was written on, where its person has several: bob/laptop-2
}
