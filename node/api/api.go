// Package api is the contract between a node and everything that drives it: the command line, the boards and the
// bridges. It owns the [Service] interface, plain JSON types, errors with a code and a hint, the HTTP handler that
// serves a Service on a unix socket, and the client that implements the same interface on top of that socket.
//
// It knows nothing of boards or replicas: its types are its own, so that what scripts depend on changes only on
// purpose. JSON documents that scripts read carry a schema name and version; fields are added, never renamed, and a
// reader ignores what it does not know. Times are Unix milliseconds, durations milliseconds, both named so.
package api

import (
	"context"
	"iter"
)

// A Service is a node as its owner sees it. *node.Node implements it in the process and *[Client] over the socket, so
// that every way in can do exactly the same. All methods are safe for concurrent use. Errors are *[Error].
type Service interface {
	// Write does one verb that changes the board. When it returns nil the operation is on this node's disk; the
	// receipt says who else has it. Codes: usage, not_found, ambiguous, refused, confirm, disk_full, too_large.
	Write(ctx context.Context, w Write) (Receipt, error)

	// Status describes the node, its team and its peers.
	Status(ctx context.Context) (Status, error)

	// Show returns one incident whole. Codes: not_found, ambiguous.
	Show(ctx context.Context, incident string) (Incident, error)

	// Brief returns what whoever takes command of one incident over must know: the briefing of the offer of command that waits
	// for this node's person or that they have made, else that of now. Codes: not_found, ambiguous.
	Brief(ctx context.Context, incident string) (Briefing, error)

	// Log returns the timeline of one incident, oldest first, starting after the entries that since names (empty: all).
	Log(ctx context.Context, incident string) ([]Entry, error)

	// Merge reports on the last merge of one incident, to this node's person, and remembers that it was shown. Code
	// not_found: also when nothing was merged yet.
	Merge(ctx context.Context, incident string) (MergeReport, error)

	// Watch yields the state and then every change. The first event is the whole state. It ends with ctx or with the node.
	Watch(ctx context.Context, incident string) iter.Seq2[Event, error]

	// Init names the person and the team of a node. Code refused when the node already has a board to lose.
	Init(ctx context.Context, in Init) (Status, error)

	// Invite makes an invitation, which is in the team document once it returns. Codes: usage, not_found, refused, disk_full.
	Invite(ctx context.Context, in Invite) (Invitation, error)

	// Join enters the team of a code, of words or of a bundle. The board of the team left stays in the node's directory. Codes:
	// bad_code, unreachable, refused, not_found (a bundle).
	Join(ctx context.Context, in Join) (Joined, error)

	// Profile says who somebody is and how to reach them. An empty who is this node's own person. Code not_found.
	Profile(ctx context.Context, who string) (Profile, error)

	// SetProfile changes what this node's own person says about themselves, and returns all of it with who has the change.
	// Codes: usage, disk_full.
	SetProfile(ctx context.Context, in SetProfile) (Profile, error)

	Truster
	Carrier
	Doorkeeper
	Protector

	// Cut stops all exchange of packets with the named responders (empty: with everyone) until Heal.
	Cut(ctx context.Context, who []string) (Status, error)

	// Heal ends every cut.
	Heal(ctx context.Context) (Status, error)

	// Verify reads everything stored and says what is wrong with it. It takes as long as reading does; the node goes on.
	Verify(ctx context.Context) (Verification, error)

	// Doctor says why the named responders (empty: all others) are not seen. It tries to reach them meanwhile, which takes
	// up to ten seconds. Code not_found.
	Doctor(ctx context.Context, who []string) (Diagnosis, error)

	// Stop ends the node after what is in flight is on disk.
	Stop(ctx context.Context) error
}

// Write is one verb with its arguments. Which fields a verb reads is said beside the verb in [Verbs]; others must be zero.
type Write struct {
	Verb     string `json:"verb"`
	Incident string `json:"incident,omitempty"` // name, id prefix or unique start of the title; empty: the current one
	Ref      string `json:"ref,omitempty"`      // task, note, hypothesis or decision: short id or unique start of its text

	Who      []string `json:"who,omitempty"` // handles without @
	Text     string   `json:"text,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Kind     string   `json:"kind,omitempty"`    // of a note: obs, act, risk, todo, comms, handoff, broken
	Topic    string   `json:"topic,omitempty"`   // of a decision
	Subject  string   `json:"subject,omitempty"` // of a settlement: command, status, a number of the list of conflicts, a task, decision
	Value    string   `json:"value,omitempty"`   // of a settlement; of status; of here
	Severity int      `json:"severity,omitempty"`
	Fatigue  int      `json:"fatigue,omitempty"` // 1 to 5
	Services []string `json:"services,omitempty"`
	Refs     []string `json:"refs,omitempty"`     // of accept: open items of the briefing, by number or id
	Labels   []string `json:"labels,omitempty"`   // region=eu
	Items    []string `json:"items,omitempty"`    // of a playbook
	Item     int      `json:"item,omitempty"`     // number of an item of a run, from 1
	Place    string   `json:"place,omitempty"`    // where somebody is, where something is seen from or was published
	Resource string   `json:"resource,omitempty"` // what a task has its hands on
	SealTo   []string `json:"seal_to,omitempty"`  // of a note: handles of the only people who can read its text, besides its author

	AtMS  int64 `json:"at_ms,omitempty"`  // when it happened, by the person's account
	ForMS int64 `json:"for_ms,omitempty"` // how long: a task's time, an extension, a deadline

	Once     bool `json:"once,omitempty"`
	Vital    bool `json:"vital,omitempty"`
	Force    bool `json:"force,omitempty"`
	Withdraw bool `json:"withdraw,omitempty"`
	Drill    bool `json:"drill,omitempty"` // of declare: an exercise
	Yes      bool `json:"yes,omitempty"`   // the question of a confirm error was answered yes
}

// A Receipt says what a write did and who has it.
type Receipt struct {
	Schema   string   `json:"schema"`          // muster.receipt/1
	Op       string   `json:"op"`              // the operation, hexadecimal
	ID       string   `json:"id,omitempty"`    // what it made or changed, as people type it: t7f, amber-otter
	Incident string   `json:"incident"`        // name of the incident acted on
	Drill    bool     `json:"drill,omitempty"` // it is an exercise
	Text     string   `json:"text"`            // what happened, one line
	Notes    []string `json:"notes,omitempty"` // warnings and consequences, one line each
	Settle   int      `json:"settle"`          // conflicts that wait for a human on this incident

	Delivery Delivery `json:"delivery"`
	To       []string `json:"to,omitempty"` // whom an order or an offer is addressed to
}

// Delivery is what is known about who holds an operation. Responders count, not devices, and the author does not.
type Delivery struct {
	Delivered int       `json:"delivered"`
	Known     int       `json:"known"`
	Missing   []Missing `json:"missing,omitempty"` // most recently heard first

	DeliveredTo  []string `json:"delivered_to,omitempty"` // whose node holds it
	Acknowledged []string `json:"acknowledged,omitempty"` // of an order: who has answered for it themselves
}

// Missing is a responder who is not known to hold an operation.
type Missing struct {
	Responder string `json:"responder"`
	HeardMS   int64  `json:"heard_ms,omitempty"` // how long ago this node last heard any of theirs; 0 with Never
	Never     bool   `json:"never,omitempty"`

	Via    string   `json:"via,omitempty"`    // who brought that last sign of theirs; empty: it came to this node itself
	Phones []string `json:"phones,omitempty"` // as they say themselves, the one to try first is first
}

// Status describes a node. Its first fields are the contract for scripts.
type Status struct {
	Schema     string           `json:"schema"` // muster.status/1
	Device     string           `json:"device"`
	Responder  string           `json:"responder"`
	Team       string           `json:"team"`
	Listen     []string         `json:"listen"`
	UptimeMS   int64            `json:"uptime_ms"`
	Operations int              `json:"operations"`
	Digest     string           `json:"digest"` // equal on two nodes if and only if their boards are equal
	Incidents  []IncidentStatus `json:"incidents"`
	Peers      []Peer           `json:"peers"`
	Responders []Responder      `json:"responders"` // all members, this node's own first

	Suggestions []Suggestion `json:"suggestions,omitempty"` // incidents that may be the same outage

	Home     string   `json:"home"` // directory
	Version  string   `json:"version"`
	PID      int      `json:"pid"`
	Cut      []string `json:"cut,omitempty"`      // responders this node is cut from by a drill; "all" for everyone
	AloneMS  int64    `json:"alone_ms,omitempty"` // how long nobody of a team of several has been reachable; 0: somebody is
	Syncing  *Sync    `json:"syncing,omitempty"`  // nil when nothing is on its way
	Warnings []string `json:"warnings,omitempty"` // what a person should know: a damaged store, a disk nearly full

	Protection string `json:"protection"` // what guards the disk: one of the constants that begin with Protected

	Storage []Storage `json:"storage,omitempty"` // of a large board: who wrote how much of it, the most first

	TeamNotes []string `json:"team_notes,omitempty"` // what should be done about the team when there is time: muster members
	Removed   *Removal `json:"removed,omitempty"`    // this node's own device is out or suspended
}

// Sync is the progress of what peers announced and have not finished sending.
type Sync struct {
	Operations      int    `json:"operations"` // received
	OperationsTotal int    `json:"operations_total"`
	Bytes           uint64 `json:"bytes"`
	BytesTotal      uint64 `json:"bytes_total"`
}

// IncidentStatus is one line about an incident.
type IncidentStatus struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Operations int    `json:"operations"`
	Digest     string `json:"digest"`

	Title     string `json:"title"`
	Severity  int    `json:"severity"`
	Status    string `json:"status"`
	Commander string `json:"commander,omitempty"`
	Settle    int    `json:"settle"`
	Live      bool   `json:"live"` // not resolved or closed
	Current   bool   `json:"current"`

	Same  string   `json:"same,omitempty"`  // this is another name of the incident of that name, whose line counts
	Also  []string `json:"also,omitempty"`  // other names of this incident
	Drill bool     `json:"drill,omitempty"` // an exercise
}

// Peer is another device of the team.
type Peer struct {
	Device    string  `json:"device"`
	Responder string  `json:"responder"`
	Name      string  `json:"name"`            // the responder, or of several laptops of theirs which: bob/laptop-2
	Relay     bool    `json:"relay,omitempty"` // Responder's laptop is locked, and passes on
	Reachable bool    `json:"reachable"`
	Addr      string  `json:"addr,omitempty"`
	RTTMS     float64 `json:"rtt_ms"`
	OffsetMS  int64   `json:"offset_ms"` // its wall clock minus ours; shown, never used
	Lacks     int     `json:"lacks"`     // how many of my operations it is not known to hold

	HeardMS int64 `json:"heard_ms,omitempty"` // how long ago it was last heard; 0 while reachable or when Never
	Never   bool  `json:"never,omitempty"`
	Cut     bool  `json:"cut,omitempty"`

	Via    string   `json:"via,omitempty"`     // who brought a newer sign of it than it gave itself
	WordMS int64    `json:"word_ms,omitempty"` // with Via: how long ago that was
	Phones []string `json:"phones,omitempty"`  // of its person
}

// Responder is a person of the team.
type Responder struct {
	Handle    string `json:"handle"`
	Devices   int    `json:"devices"`
	Reachable bool   `json:"reachable"`
	Role      string `json:"role"` // steward, responder, observer

	Name     string   `json:"name,omitempty"`
	Callsign string   `json:"callsign,omitempty"`
	Phones   []string `json:"phones,omitempty"`
	HeardMS  int64    `json:"heard_ms,omitempty"` // how long ago they gave the last sign; 0 while reachable or when Never
	Never    bool     `json:"never,omitempty"`
	Via      string   `json:"via,omitempty"` // who brought it
}

// Init names a node's owner and team.
type Init struct {
	Responder string `json:"responder,omitempty"` // empty: the login name
	Team      string `json:"team,omitempty"`
}

// Event is one step of a watch.
type Event struct {
	Status   *Status   `json:"status,omitempty"`   // when the node, its peers or the list of incidents changed; always first
	Incident *Incident `json:"incident,omitempty"` // when the incident watched changed
	Entries  []Entry   `json:"entries,omitempty"`  // what was new
}
