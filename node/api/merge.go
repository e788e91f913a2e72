package api

// MergeReport says what a merge did to an incident, schema muster.merge/1: what waits for this node's person, what was
// merged without one, what is new. It is computed when it is asked for; what has been settled since is told as such.
type MergeReport struct {
	Schema   string `json:"schema"`
	Incident string `json:"incident"` // name
	Title    string `json:"title"`
	Drill    bool   `json:"drill,omitempty"` // an exercise

	AtMS       int64    `json:"at_ms"`           // together again, by this node's clock
	SinceMS    int64    `json:"since_ms"`        // apart
	You        []string `json:"you"`             // this side, the reader first
	Them       []string `json:"them"`            // the other side, who commands there first
	Operations int      `json:"operations"`      // that came from them
	Seen       bool     `json:"seen,omitempty"`  // it had been shown before
	Empty      bool     `json:"empty,omitempty"` // they had written nothing that anybody needs to see

	Severity     int    `json:"severity"`
	SeverityWas  int    `json:"severity_was"`
	Status       string `json:"status"`
	StatusWas    string `json:"status_was"`
	Commander    string `json:"commander,omitempty"`
	CommanderWas string `json:"commander_was,omitempty"`

	Settle    []Conflict `json:"settle"`              // arose by the merge and wait for a human, with this reader's keys
	Settled   []Outcome  `json:"settled,omitempty"`   // arose by it and are settled since
	Older     int        `json:"older,omitempty"`     // conflicts that wait and are older
	MaySettle bool       `json:"may_settle"`          // this reader commands, claims to, or nobody does
	Merged    []Notice   `json:"merged"`              // class B, the most important first
	Decisions []Decision `json:"decisions,omitempty"` // theirs
	Orders    []Orders   `json:"orders,omitempty"`

	Arrived []Arrived `json:"arrived,omitempty"` // incidents of the other side that were not known here

	New     []string  `json:"new,omitempty"`     // people who had not written here before
	Missing []Missing `json:"missing,omitempty"` // people of this incident who cannot be reached now

	TasksNew  int       `json:"tasks_new"`
	TasksDone int       `json:"tasks_done"`
	Blocked   []Blocked `json:"blocked,omitempty"`
	Yours     []string  `json:"yours,omitempty"` // tasks that have become the reader's
	Notes     int       `json:"notes"`
	Redacted  int       `json:"redacted"`

	Clocks   []Clock `json:"clocks,omitempty"` // of the other side, more than a minute from this node's
	RollCall bool    `json:"roll_call"`        // nobody has called the roll since: somebody should
}

// Outcome is what became of a conflict.
type Outcome struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Orders are what somebody who commanded on the other side told others to do. They stand until they are cancelled.
type Orders struct {
	By    string   `json:"by"`
	Given int      `json:"given"`
	Open  []string `json:"open"` // tasks that are not over
}

// Arrived is an incident that was declared on the other side.
type Arrived struct {
	Incident string `json:"incident"`
	Title    string `json:"title"`
	By       string `json:"by"`
	Same     bool   `json:"same,omitempty"` // it looks like the same outage as the one reported on
}

// Blocked is a task that has come to a stop.
type Blocked struct {
	Task string `json:"task"`
	By   string `json:"by"`
	Why  string `json:"why,omitempty"`
}

// Clock is how far somebody's clock is from this node's. It is shown, and never used.
type Clock struct {
	Responder string `json:"responder"`
	OffsetMS  int64  `json:"offset_ms"` // theirs minus ours
}

// Rejoined says that a merge has changed an incident and that its report has not been read here.
type Rejoined struct {
	AtMS    int64 `json:"at_ms"`
	ApartMS int64 `json:"apart_ms"`
	Settle  int   `json:"settle"` // conflicts that wait on the incident
}
