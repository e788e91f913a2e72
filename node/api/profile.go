package api

// Profile is what a person says about themselves, and what this node knows of their being there, schema muster.profile/1.
// It is on every member's disk, so that the phone number is there when the network is not.
type Profile struct {
	Schema    string   `json:"schema"`
	Responder string   `json:"responder"`
	Me        bool     `json:"me,omitempty"` // this node's own person
	Role      string   `json:"role"`         // steward, responder, observer
	Name      string   `json:"name,omitempty"`
	Callsign  string   `json:"callsign,omitempty"`
	Phones    []string `json:"phones,omitempty"` // the one to try first is first
	TZ        string   `json:"tz,omitempty"`     // name of a time zone: Europe/London
	Shift     string   `json:"shift,omitempty"`  // in their words

	Devices   int    `json:"devices"`
	Reachable bool   `json:"reachable"`
	HeardMS   int64  `json:"heard_ms,omitempty"` // how long ago they gave the last sign; 0 while reachable or when Never
	Via       string `json:"via,omitempty"`      // who brought that sign; empty: it came to this node itself
	Never     bool   `json:"never,omitempty"`

	Notes    []string  `json:"notes,omitempty"`    // of a change: what to know about it, one line each
	Delivery *Delivery `json:"delivery,omitempty"` // of a change: who has it
}

// SetProfile changes what this node's own person says about themselves. Fields that are nil stay; empty ones take away
// what was said.
type SetProfile struct {
	Name     *string   `json:"name,omitempty"`
	Callsign *string   `json:"callsign,omitempty"` // at most 16 characters
	Phones   *[]string `json:"phones,omitempty"`   // all of them, at most 4
	TZ       *string   `json:"tz,omitempty"`
	Shift    *string   `json:"shift,omitempty"`
}

// profileAsk is the body of [Service.Profile].
type profileAsk struct {
	Who string `json:"who,omitempty"`
}
