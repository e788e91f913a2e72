package api

// Sitrep is what people wrote of the situation report. Whatever can be counted is in the rest of the incident.
type Sitrep struct {
	Fields []SitrepField `json:"fields,omitempty"`  // headline, impact, cause, actions, needs, as far as written
	NextMS int64         `json:"next_ms,omitempty"` // when the next update is promised
	NextBy string        `json:"next_by,omitempty"`
	Late   bool          `json:"late,omitempty"` // that time is over
}

// SitrepField is one paragraph of it.
type SitrepField struct {
	Field string  `json:"field"`
	Text  string  `json:"text"`
	By    string  `json:"by"`
	AtMS  int64   `json:"at_ms"`
	Texts []Value `json:"texts,omitempty"` // when written concurrently: every text
}

// Resource is something in the world that people look at and work on.
type Resource struct {
	Name         string        `json:"name"`
	State        string        `json:"state,omitempty"` // the worst anybody sees: down, degraded, unknown, up; empty: nobody looked
	Observations []Observation `json:"observations,omitempty"`
	Hands        []Hand        `json:"hands,omitempty"` // who works on it now
}

// Observation is how a resource looks to one person, the newest of each.
type Observation struct {
	By    string `json:"by"`
	State string `json:"state"`
	From  string `json:"from,omitempty"` // the place they see it from
	Text  string `json:"text,omitempty"`
	AtMS  int64  `json:"at_ms"`
}

// Hand is somebody who works on a resource.
type Hand struct {
	Person string `json:"person"`
	Task   string `json:"task"`
	Off    bool   `json:"off,omitempty"` // told to keep their hands off: a settlement gave it to somebody else, who still has it
}

// Update is a text for people outside.
type Update struct {
	ID       string  `json:"id"` // as typed: u2k
	Op       string  `json:"op"`
	Audience string  `json:"audience"`
	Text     string  `json:"text"`
	Texts    []Value `json:"texts,omitempty"` // when reworded concurrently: every text
	State    string  `json:"state"`           // draft, approved, published
	Mark     string  `json:"mark,omitempty"`  // what a tired reader must see: CONTRADICTORY PUBLIC POSTS
	By       string  `json:"by"`
	AtMS     int64   `json:"at_ms"`
	Approved []Value `json:"approved,omitempty"` // who approved the text that is shown
	Posts    []Post  `json:"posts,omitempty"`
	Key      string  `json:"key"` // names the update and its text; who posts to the outside posts a key once
}

// Post is one publication of an update, by the word of whoever posted it.
type Post struct {
	Text   string `json:"text"`
	Where  string `json:"where,omitempty"`
	By     string `json:"by"`
	AtMS   int64  `json:"at_ms"`
	Stands bool   `json:"stands"` // not the loser of a settled contradiction
}

// Run is a playbook at work.
type Run struct {
	ID       string    `json:"id"` // as typed: p2k
	Op       string    `json:"op"`
	Name     string    `json:"name"`
	By       string    `json:"by"`
	AtMS     int64     `json:"at_ms"`
	Items    []RunItem `json:"items"`
	Versions []string  `json:"versions,omitempty"` // runs of the same name with other items
}

// RunItem is one item of a run.
type RunItem struct {
	Text    string `json:"text"`
	State   string `json:"state"` // open, checked, skipped
	By      string `json:"by,omitempty"`
	AtMS    int64  `json:"at_ms,omitempty"`
	Remark  string `json:"remark,omitempty"`
	Skipped *Value `json:"skipped,omitempty"` // by somebody who did not know that it was checked
}
