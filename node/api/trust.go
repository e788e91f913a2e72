package api

import "context"

// Truster is the part of [Service] about who belongs to the team and what they may do.
type Truster interface {
	// Members lists the people and devices of the team, those who are out too, and what waits for a second person.
	Members(ctx context.Context) (Members, error)

	// Whois says who is behind a handle, a device, its fingerprint words, or a line of a timeline. Incident is where a line is
	// looked for first; empty: the current one. Codes: not_found, ambiguous.
	Whois(ctx context.Context, what, incident string) (Whois, error)

	// Trust does one verb that changes the team, or says what it would do. What one person may not do alone is written as a
	// proposal, and the answer says who can co-sign it. Codes: usage, not_found, ambiguous, refused, confirm, disk_full.
	Trust(ctx context.Context, in Trust) (Trusted, error)
}

// Trust is one verb about the team. Verbs and what they read:
//
//	revoke     who mode (stolen, left) reason since_ms
//	suspend    who reason
//	reinstate  who reason
//	role       who role (steward, responder, observer) reason
//	confirm    who
//	cosign     ref: a number of the list, or the id of a proposal; empty: list what waits
//	adopt      who, refs: ids or starts of operations, or "all"; empty: list what could be adopted; incident, reason
//	policy     role: the least role that may invite (steward, responder)
//
// Who is bob, bob/laptop-2, the start of a device's key, or its fingerprint words.
type Trust struct {
	Verb     string   `json:"verb"`
	Who      string   `json:"who,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	Role     string   `json:"role,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	SinceMS  int64    `json:"since_ms,omitempty"` // when a device was lost, by the account of people
	Ref      string   `json:"ref,omitempty"`
	Refs     []string `json:"refs,omitempty"`
	Incident string   `json:"incident,omitempty"`

	DryRun bool `json:"dry_run,omitempty"` // say what it would do, and do nothing
	Yes    bool `json:"yes,omitempty"`     // the question of a confirm error was answered yes
}

// Trusted says what a [Trust] did or would do, schema muster.trust/1.
type Trusted struct {
	Schema   string    `json:"schema"`
	Done     bool      `json:"done"`          // an operation was written; false: a dry run or a list
	Ops      []string  `json:"ops,omitempty"` // the operations, hexadecimal
	Text     string    `json:"text"`          // what was done, one line
	Effects  []string  `json:"effects,omitempty"`
	Proposed *Proposal `json:"proposed,omitempty"` // it waits for another person

	Question string `json:"question,omitempty"` // of a dry run: what would be asked first

	Waiting []Proposal `json:"waiting,omitempty"` // of cosign without a ref
	Entries []Entry    `json:"entries,omitempty"` // of adopt: lines that do not count
	More    int        `json:"more,omitempty"`    // lines that are not in Entries

	Delivery *Delivery `json:"delivery,omitempty"`
}

// Proposal is an operation that waits for another person.
type Proposal struct {
	N      int      `json:"n"`  // in the list of now, from 1
	ID     string   `json:"id"` // start of its name; stays
	Op     string   `json:"op"`
	Text   string   `json:"text"` // what it would do
	By     string   `json:"by"`
	Behind []string `json:"behind"`           // who stands behind it already
	Reason string   `json:"reason,omitempty"` // in the words of who proposed it
	AtMS   int64    `json:"at_ms"`
	Can    []string `json:"can,omitempty"` // who can co-sign it, those within reach first
	Mine   bool     `json:"mine"`          // this node's person can co-sign it
}

// Members is the team, schema muster.members/1.
type Members struct {
	Schema   string       `json:"schema"`
	Team     string       `json:"team"`
	Me       string       `json:"me"`
	People   []TeamPerson `json:"people"` // this node's own first, those who are out last
	Stewards []string     `json:"stewards"`
	Inviters string       `json:"inviters"` // the least role that may invite
	Waiting  []Proposal   `json:"waiting,omitempty"`
	Removals []Removal    `json:"removals,omitempty"` // oldest first
	Key      TeamKey      `json:"key"`
	Notes    []string     `json:"notes,omitempty"` // what should be done about the team, one line each
}

// TeamPerson is a person of the team and their devices.
type TeamPerson struct {
	Handle    string       `json:"handle"`
	Name      string       `json:"name,omitempty"`
	Role      string       `json:"role"` // steward, responder, observer
	Me        bool         `json:"me,omitempty"`
	Out       bool         `json:"out,omitempty"` // no device of theirs may connect any more
	Reachable bool         `json:"reachable"`
	Devices   []TeamDevice `json:"devices"`
}

// States of a device.
const (
	DeviceMember      = "member"
	DeviceUnconfirmed = "unconfirmed" // joined by an invitation that was used up: an observer until somebody confirms
	DeviceBarred      = "barred"      // joined by an invitation that counted no more: kept out until somebody confirms
	DeviceSuspended   = "suspended"   // what it writes does not count until somebody reinstates it
	DeviceRetired     = "retired"     // out; what it wrote before counts
	DeviceStolen      = "stolen"      // out; what it wrote after the cut does not count
	DeviceObserver    = "observer"    // of lines that do not count: their person is an observer
)

// TeamDevice is one device.
type TeamDevice struct {
	Device  string `json:"device"`
	Short   string `json:"short"`
	Label   string `json:"label,omitempty"`
	Name    string `json:"name"`            // as people type it: bob/laptop-2
	Words   string `json:"words,omitempty"` // fingerprint
	State   string `json:"state"`
	Mine    bool   `json:"mine,omitempty"` // this node
	Forked  bool   `json:"forked,omitempty"`
	Sponsor string `json:"sponsor,omitempty"`  // who invited; empty for the founder
	BoundBy string `json:"bound_by,omitempty"` // who made it a device of this person
	AtMS    int64  `json:"at_ms"`              // when it joined

	Removal *Removal `json:"removal,omitempty"` // why State is what it is

	Reachable bool  `json:"reachable"`
	HeardMS   int64 `json:"heard_ms,omitempty"`
	Never     bool  `json:"never,omitempty"`
	Sealable  bool  `json:"sealable"` // it has said a key to seal to
}

// Removal is what happened to a device.
type Removal struct {
	Op     string   `json:"op"`
	Device string   `json:"device"` // as people type it
	Mode   string   `json:"mode"`   // one of the states of a device
	By     string   `json:"by"`
	Behind []string `json:"behind,omitempty"` // everybody behind it, By too
	Reason string   `json:"reason,omitempty"`
	AtMS   int64    `json:"at_ms"`
	Stands bool     `json:"stands"` // it has an effect now
	Undone bool     `json:"undone,omitempty"`
	Beat   string   `json:"beat,omitempty"` // start of the removal that won over it
}

// TeamKey is what is known of the newest key of the team.
type TeamKey struct {
	Generation uint64 `json:"generation"` // 0: none was made yet
	ID         string `json:"id,omitempty"`
	Held       bool   `json:"held"`              // by this node
	Missing    int    `json:"missing,omitempty"` // devices that may connect and cannot read it yet
}

// Whois is who is behind something, schema muster.whois/1.
type Whois struct {
	Schema string      `json:"schema"`
	Asked  string      `json:"asked"`
	Person TeamPerson  `json:"person"`
	Device *TeamDevice `json:"device,omitempty"` // the one that was asked for, or that wrote the line
	Entry  *Entry      `json:"entry,omitempty"`  // the line
	Chain  []Sponsor   `json:"chain"`            // how they came into the team: who invited them, who invited those, to the founder
}

// Sponsor is one step of how somebody came into the team.
type Sponsor struct {
	Handle string `json:"handle"`
	By     string `json:"by,omitempty"` // who invited them; empty for the founder
	AtMS   int64  `json:"at_ms"`
	Out    bool   `json:"out,omitempty"`
}

// Grey is how many operations of a device do not count on a board, and why.
type Grey struct {
	Device  string   `json:"device"` // as people type it
	Person  string   `json:"person"`
	State   string   `json:"state"` // of the device now
	Count   int      `json:"count"`
	First   []string `json:"first,omitempty"` // starts of the first few, as adopt takes them
	By      string   `json:"by,omitempty"`    // who removed the device
	SinceMS int64    `json:"since_ms,omitempty"`
}

// whoisAsk is the body of [Truster.Whois].
type whoisAsk struct {
	What     string `json:"what"`
	Incident string `json:"incident,omitempty"`
}

const (
	pathMembers = "/v1/members"
	pathWhois   = "/v1/whois"
	pathTrust   = "/v1/trust"
)

// Members implements [Service].
func (c *Client) Members(ctx context.Context) (Members, error) {
	return call[Members](ctx, c, pathMembers, empty{})
}

// Whois implements [Service].
func (c *Client) Whois(ctx context.Context, what, incident string) (Whois, error) {
	return call[Whois](ctx, c, pathWhois, whoisAsk{What: what, Incident: incident})
}

// Trust implements [Service].
func (c *Client) Trust(ctx context.Context, in Trust) (Trusted, error) {
	return call[Trusted](ctx, c, pathTrust, in)
}
