package board

import (
	"muster/crdt"
	"muster/crdt/auth"
)

// A View is one incident as it is shown, with people as handles and every list in the order of a board. It shares
// nothing with the Board. Times are Unix milliseconds.
type View struct {
	Doc        crdt.DocID
	Name       string   // two words, see [Name]
	Names      []string // in a [Group] of several incidents: the name of each, the canonical one first
	Operations int      // applied, the unknown ones included
	Unknown    int      // operations this version cannot read

	Title      string
	Titles     []Value // when written concurrently: every text
	Severity   int     // 1 is worst
	Severities []Value // when written concurrently: every value
	Status     string
	Contested  bool    // resolved on one side, escalated on the other
	Ended      []Value // who ended it and why, while it is over; several when they did not see each other
	EndedMS    int64   // the earliest of them
	Services   []string
	Labels     []string     // region=eu
	Drill      bool         // an exercise
	Criteria   []Criterion  // what must hold before it is over
	Same       []crdt.DocID // incidents that are this one
	DeclaredBy string
	DeclaredMS int64

	Command   Command
	Roles     []Role
	Tasks     []Task // in the order they were given
	Notes     []Note
	Decisions []Decision
	Theories  []Theory
	CheckIns  []CheckIn
	People    []Standing // how everybody who said so, or of whom it was said, is now; the latest first
	RollCalls []RollCall
	Thanks    []Thanks
	Pages     []Page
	Sitrep    Sitrep
	Resources []Resource // by name
	Updates   []Update   // in the order they were drafted
	Runs      []Run      // in the order they were started
	Conflicts []Conflict // class C: wait for a human
	Merged    []Notice   // class B: merged, the safe value shown
	Settled   []Settled  // conflicts a human ended
	Warnings  []string   // what is wrong with how the incident is led, each after the handle it is about

	Quarantined []Quarantined // what does not count, by device
}

// Live reports whether the incident is going on.
func (v *View) Live() bool { return !ended(v.Status) }

// Value is one of several that were written without knowledge of each other, or a remark with its author.
type Value struct {
	Value string
	By    string
	AtMS  int64
	Shown bool
}

// Command is who commands, who else claims to, and what is being handed over.
type Command struct {
	Commander   string   // shown; provisional while contested; empty: nobody
	CommanderID PersonID // zero: nobody
	Terms       []Term   // live ones, the shown first
	Offers      []Offer
	SinceMS     int64
	Requests    []Value // who asked the present holder for command, and why
}

// Term is one stint in command.
type Term struct {
	Holder      string
	HolderID    PersonID
	Basis       string // declare, accept, assume, take, settle
	Acting      bool   // for those who can be reached, while somebody else's term goes on
	SinceMS     int64
	Reason      string
	Orders      int        // given in this term
	Op          crdt.Hash  // the operation that gave it
	Losers      []PersonID // whom that operation ended and who have not been seen to know; only of a settlement
	Unconfirmed bool       // given by a settlement that a claimant it ended has not been seen to know of

	From        string // accepted: who handed over
	Pending     bool   // nothing shows that From has seen the acceptance
	ConfirmedMS int64  // when From confirmed it; 0: they did not
}

// Offer is a handoff that waits for an answer.
type Offer struct {
	Op     crdt.Hash
	From   string
	To     string
	ToID   PersonID
	Reason string
	ForMS  int64 // a break of that length; 0: for good
	AtMS   int64

	FromID   PersonID
	LapsesMS int64 // when it lapses; 0: never
	Lapsed   bool  // it was made too long ago to be accepted
	Back     bool  // command goes back to To after a break, as soon as they accept
	DueMS    int64 // Back: when the break is over
	Due      bool  // Back: it is
}

// Role is a hat worn on this incident.
type Role struct {
	Role    string
	Holders []string
}

// Task is one order or piece of work.
type Task struct {
	ID       string // as typed: t7f
	Op       crdt.Hash
	Text     string
	Texts    []Value // when written concurrently: every text
	State    string  // open, assigned, acked, blocked, done, cancelled
	Mark     string  // what a tired reader must see
	Owners   []string
	OwnerIDs []PersonID // as Owners: primary first, several when doubled
	Helpers  []string
	By       string
	AtMS     int64
	DueMS    int64
	Once     bool
	Vital    bool
	Resource string
	Blocked  string // why
	Results  []Value
	Overdue  bool
	LateAck  bool // somebody who was asked has not answered in time
	Stalled  bool // no word of its owners for twice the time it was given
	Verified bool
	Erased   bool // its body never came

	Conflict string   // open class C kind
	Merged   []string // class B kinds
	Settled  []string // class C kinds a human ended

	Waiting  []Waiting // assignments their owners have not answered
	Incident string    // in a [Group] of several: the name of the one it was written in
}

// Waiting is an assignment without an answer: whether Op reached Person is what delivery truth is about.
type Waiting struct {
	Person PersonID
	Handle string
	Op     crdt.Hash
}

// Note is one remark on the timeline.
type Note struct {
	ID         string
	Op         crdt.Hash
	Text       string
	Texts      []Value // when revised concurrently: every text
	Kinds      []string
	By         string
	AtMS       int64 // recorded
	OccurredMS int64 // by the author's account; of several accounts the earliest
	Pinned     bool
	Redacted   *Value
	Erased     bool   // its body is gone, and no redaction is known
	Incident   string // in a [Group] of several: the name of the one it was written in

	SealedFor []string // handles of those it is sealed for; [Board.Sealed] has the rest, and Text says that it is
}

// Criterion is something that must hold before the incident is over.
type Criterion struct {
	ID       string // as typed: e3x
	Op       crdt.Hash
	Text     string
	By       string
	AtMS     int64
	Met      bool
	MetBy    string // who said last that it holds; set too when somebody who did not see that says that it does not
	MetMS    int64
	Evidence string // how they know
	Unmet    *Value // who says that it does not hold, and why
	Erased   bool   // its body never came
	Incident string // in a [Group] of several: the name of the one it was written in
}

// Decision is an entry of the decision log.
type Decision struct {
	ID         string
	Op         crdt.Hash
	Text       string
	Topic      string
	By         string
	AtMS       int64
	Stands     bool // not the loser of a settled contradiction
	Superseded bool // somebody who had seen it decided on its topic again
	Unread     bool // somebody else made it, and nothing shows that the present commander has read it
	Objections []Objection
	Incident   string // in a [Group] of several: the name of the one it was written in
}

// Objection is what somebody has against a decision.
type Objection struct {
	Value string
	By    string
	AtMS  int64
	Seen  bool // who decided wrote something after it
}

// Theory is a hypothesis.
type Theory struct {
	ID       string
	Op       crdt.Hash
	Text     string
	By       string
	AtMS     int64
	State    string // open, ruled-out
	Why      string
	Incident string // in a [Group] of several: the name of the one it was written in
}

// CheckIn is one reply of a person about themselves, or about somebody they vouch for.
type CheckIn struct {
	By       string
	For      string // vouched for; empty: By
	State    string
	Fatigue  int
	Text     string
	Place    string // where they are, when they said
	AtMS     int64
	Incident string // in a [Group] of several: the name of the one it was written in
}

// RollCall asks everyone to check in. Missing is everybody who has not answered since.
type RollCall struct {
	By         string
	AtMS       int64
	DueMS      int64
	Open       bool // somebody is missing, and nobody who had seen it called the roll again
	Replies    []Standing
	Missing    []string
	MissingIDs []PersonID // as Missing
	Known      int        // people asked
	Incident   string     // in a [Group] of several: the name of the one it was written in
}

// Standing is the last word about how somebody is. Their own word beats that of others.
type Standing struct {
	Who     string
	ID      PersonID
	State   string
	Fatigue int
	Text    string
	Place   string
	By      string // who vouches for them; empty: their own word
	AtMS    int64
}

// Thanks is appreciation.
type Thanks struct {
	By       string
	To       string
	Text     string
	AtMS     int64
	Incident string // in a [Group] of several: the name of the one it was written in
}

// Page is a call for somebody.
type Page struct {
	By       string
	To       []string
	Text     string
	AtMS     int64
	Incident string // in a [Group] of several: the name of the one it was written in
}

// Kinds of conflicts.
const (
	ConflictCommand         = "command"
	ConflictStatus          = "status"
	ConflictRole            = "role"
	ConflictDecision        = "decision"
	ConflictDouble          = "double"
	ConflictDoneVsCancelled = "done-vs-cancelled"
	ConflictRanTwice        = "ran-twice"
	ConflictDisputedDone    = "disputed-done"
	ConflictHands           = "hands"        // two people work on one resource
	ConflictPosts           = "public-posts" // one audience is told different things
)

// Conflict waits for a human. The board stays usable and shows the safe value meanwhile.
type Conflict struct {
	N       int    // number in this list, for `settle N KEY`
	Key     string // the same on every node and in every list while it is the same question: c7f
	Kind    string // a Conflict constant
	Subject string // command, status, a role, a task id, a decision topic
	SinceMS int64  // when the latest of what stands against each other was written, by derived time
	Text    string // one line: the values with who and when
	Shown   string // the safe value
	Choices []Choice

	target   crdt.Hash   // the task, when Kind is about one
	id       crdt.Hash   // see [Conflict.ID]
	heads    []crdt.Hash // what stands against each other
	Incident string      // in a [Group] of several: the name of the one it was written in
}

// Choice is one way to settle a conflict.
type Choice struct {
	Key   string // what is typed
	Value string // what FORMAT and scripts say
	Label string // for people
	By    string
	AtMS  int64

	person PersonID
	target crdt.Hash
}

// Kinds of notices, besides those of tasks.
const (
	NoticeSeverity = "severity"
	NoticeStatus   = "status"
	NoticeTitle    = "title"
	NoticeNotes    = "late-notes" // written without knowledge of a resolve
	NoticeRole     = "role"
	NoticeOffer    = "offer"
	NoticeEdit     = "edit"
	NoticeRedact   = "redact"
	NoticeOccurred = "occurred"
	NoticeObjected = "objected"

	NoticeCriterion = "exit-criterion"

	NoticeDouble          = "double"
	NoticeBothAsked       = "both-asked"
	NoticeStandDown       = "stand-down"
	NoticeBothDone        = "both-done"
	NoticeDoneAfterCancel = "done-after-cancel"
	NoticeDisputed        = "disputed"
	NoticeStillWorking    = "still-working"
	NoticeUnowned         = "unowned"
	NoticeDoneKept        = "done-kept"
	NoticeOwnerLeft       = "owner-left"
	NoticeReopened        = "reopened"
	NoticeVerifyReopened  = "verify-reopened"
	NoticeTaskTitle       = "task-title"
	NoticeDue             = "due"

	NoticeSitrep   = "sitrep"
	NoticeHands    = "hands"
	NoticeUpdate   = "update"
	NoticeSkipped  = "skipped"
	NoticeVersions = "versions"
)

// Notice is a class B merge, mentioned once.
type Notice struct {
	Kind     string
	Subject  string
	Text     string
	Open     bool     // still to be seen on the board; false: history
	For      PersonID // whom it concerns; zero: everyone
	Incident string   // in a [Group] of several: the name of the one it was written in
}

// Settled is a conflict that a human ended and that is not open again.
type Settled struct {
	Kind     string
	Subject  string
	Values   []string // what stood against each other
	Chosen   string
	By       string
	Reason   string
	AtMS     int64
	Incident string // in a [Group] of several: the name of the one it was written in
}

// Entry is one line of the timeline, for one operation.
type Entry struct {
	Op         crdt.Hash
	Dot        crdt.Dot
	AtMS       int64 // recorded, by the author's clock
	OccurredMS int64
	Actor      string
	ActorID    PersonID
	Kind       string // word for the kind, see [KindName]
	Ref        string // short id of what it is about
	About      string // start of the text of what it is about, where that is another operation and the text here does not say it
	Text       string
	Incident   string // in a [Group] of several: the name of the one it was written in

	Standing auth.Standing // whether the operation counts
	Aside    string        // short id of the operation itself where it does not count: q7f
	Inert    bool          // it has no effect: it does not count, or what it is about does not, or is not known
}
