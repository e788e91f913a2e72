package api

// Briefing is what whoever takes command over must know, schema muster.brief/1. That of an offer of command is made of what
// its author had seen when they made it.
type Briefing struct {
	Schema     string   `json:"schema"`
	Incident   string   `json:"incident"`
	Title      string   `json:"title"`
	Severity   int      `json:"severity"`
	Status     string   `json:"status"`
	Contested  bool     `json:"contested,omitempty"`
	Drill      bool     `json:"drill,omitempty"`
	Trend      string   `json:"trend"` // stable, watcher, unstable
	Why        []string `json:"why"`   // what makes it so, the weightiest first
	DeclaredMS int64    `json:"declared_ms"`
	AsOfMS     int64    `json:"as_of_ms"` // when the newest thing in it was written

	Offer *Offer `json:"offer,omitempty"` // what it goes with; nil: it is of now
	Later int    `json:"later,omitempty"` // operations written since, that are not in it

	Command    Command     `json:"command"`
	Roles      []Role      `json:"roles,omitempty"`
	History    []Value     `json:"history"` // how it began, and the last turns: at most five
	Objectives []Criterion `json:"objectives,omitempty"`
	Sitrep     *Sitrep     `json:"sitrep,omitempty"`
	Plan       []Decision  `json:"plan,omitempty"` // decisions that stand
	Work       []Task      `json:"work"`           // not over: vital first, then what nobody has, then what is late
	Resources  []Resource  `json:"resources,omitempty"`
	Updates    []Update    `json:"updates,omitempty"`
	Risks      []Note      `json:"risks,omitempty"`
	IfThen     []Value     `json:"if_then,omitempty"` // decisions and notes that begin with "if"
	RuledOut   []Theory    `json:"ruled_out,omitempty"`

	Items []OpenItem `json:"items"` // to be ticked by whoever accepts without a read-back
}

// OpenItem is one thing that whoever takes over must know of.
type OpenItem struct {
	N      int      `json:"n"`
	ID     string   `json:"id"`   // as typed: t7f, c2a, n3q
	Kind   string   `json:"kind"` // conflict, vital, order, todo
	Text   string   `json:"text"`
	Owners []string `json:"owners,omitempty"`
	Closed bool     `json:"closed,omitempty"` // it was open when the offer was made, and is not any more
}
