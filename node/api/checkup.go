package api

// Verification is what an audit of the whole store found.
type Verification struct {
	Schema string `json:"schema"` // muster.verify/1
	Sound  bool   `json:"sound"`  // no problems

	Documents  int   `json:"documents"` // the team's own and one for each incident
	Logs       int   `json:"logs"`      // of devices in documents: chains without a gap
	Operations int   `json:"operations"`
	Signatures int   `json:"signatures"` // checked
	Vouched    int   `json:"vouched"`    // operations without a signature of their own, under that of a later one in their log
	Bodies     int   `json:"bodies"`     // texts that are the ones their operations were signed with
	Erased     int   `json:"erased"`     // texts that a redaction took away
	Own        int   `json:"own"`        // operations in this device's journal
	DurationMS int64 `json:"duration_ms"`

	Peers    []Compared `json:"peers"`           // other devices, with what they are known to hold
	Problems []Problem  `json:"problems"`        // at most ProblemsMax
	More     int        `json:"more,omitempty"`  // problems beyond those
	Notes    []string   `json:"notes,omitempty"` // what is no problem but good to know
}

// ProblemsMax bounds the problems that a Verification lists.
const ProblemsMax = 100

// A Problem is one thing that is wrong with a store.
type Problem struct {
	Kind     string `json:"kind"`               // one of the Problem constants
	Incident string `json:"incident,omitempty"` // name of the incident; empty: the team's document, or the store as a whole
	Text     string `json:"text"`
	Hint     string `json:"hint,omitempty"` // what to do
}

// Kinds of problems.
const (
	ProblemDamage   = "damage"   // what is stored cannot be read, or is not what was written
	ProblemMissing  = "missing"  // an operation that this node has shown is not in the store
	ProblemForeign  = "foreign"  // the store holds an operation that this node does not show
	ProblemJournal  = "journal"  // the journal of own operations and the store disagree
	ProblemErasure  = "erasure"  // a text is gone that nobody redacted, or is there although somebody did
	ProblemFork     = "fork"     // a device continued its log twice
	ProblemUnstable = "unstable" // could not be compared, because it changed all the time
)

// Compared is what another device is known to hold, next to what this node does.
type Compared struct {
	Device    string `json:"device"`
	Responder string `json:"responder"`
	Reachable bool   `json:"reachable"`
	Equal     bool   `json:"equal"` // reachable, and neither has what the other lacks
	Lacks     int    `json:"lacks"` // operations held here that it is not known to hold
	Ahead     bool   `json:"ahead"` // it has something that has not arrived here
}

// Diagnosis says why this node does not see others.
type Diagnosis struct {
	Schema     string     `json:"schema"` // muster.doctor/1
	Well       bool       `json:"well"`   // every responder examined is reachable
	Responders []Examined `json:"responders"`
	Facts      []Fact     `json:"facts"`
	Protection string     `json:"protection"` // what guards the disk: one of the constants that begin with Protected
}

// Examined is one responder, with the most likely cause if none of their devices is reachable.
type Examined struct {
	Responder string           `json:"responder"`
	Reachable bool             `json:"reachable"`
	Cause     string           `json:"cause,omitempty"` // one of the Cause constants; empty when reachable
	Text      string           `json:"text"`            // the cause in words
	Hint      string           `json:"hint,omitempty"`  // what to do
	Devices   []ExaminedDevice `json:"devices"`
}

// ExaminedDevice is one device of a responder.
type ExaminedDevice struct {
	Device    string   `json:"device"`
	Label     string   `json:"label,omitempty"` // what its owner calls it
	Reachable bool     `json:"reachable"`
	Cause     string   `json:"cause,omitempty"`
	Text      string   `json:"text"`
	Hint      string   `json:"hint,omitempty"`
	Addrs     []string `json:"addrs"` // where it is looked for, in that order

	SeenMS    int64   `json:"seen_ms,omitempty"`    // how long ago it was last connected; 0 while it is, or when Never
	Never     bool    `json:"never,omitempty"`      // it has not been connected to this node
	LastError string  `json:"last_error,omitempty"` // of the last dial, if that failed
	RTTMS     float64 `json:"rtt_ms,omitempty"`
	OffsetMS  int64   `json:"offset_ms,omitempty"`  // its wall clock minus ours
	PathBytes int     `json:"path_bytes,omitempty"` // largest datagram that is known to get through; 0: not known
}

// Why a device is not reachable, in the order in which a cause is looked for.
const (
	CauseCut      = "cut"      // by a drill, on this node
	CauseVersion  = "version"  // connected, but no protocol version in common
	CauseTeam     = "team"     // connected, but working for another team
	CauseProtocol = "protocol" // connected, but it said something that no node should
	CauseNetwork  = "network"  // this machine has no network
	CauseSocket   = "socket"   // this node's own socket does not answer
	CauseRefused  = "refused"  // it does not know this device as a member
	CauseOther    = "other"    // another device is at its address
	CauseMute     = "mute"     // it takes the connection and says nothing
	CauseBlocked  = "blocked"  // this machine does not let packets out
	CauseNoRoute  = "no_route" // this machine does not know the way to its address
	CauseFiltered = "filtered" // its announcements come through, connections do not
	CauseIsolated = "isolated" // others reach it
	CauseStopped  = "stopped"  // it said goodbye
	CauseNever    = "never"    // no address of it is known
	CauseSilent   = "silent"   // nobody answers at its addresses
	CauseBusy     = "busy"     // too much at once to try
	CauseUnknown  = "unknown"  // the last error is all there is
)

// Fact is one thing observed on this machine.
type Fact struct {
	About string `json:"about"` // interface, socket, mdns, announce, team, clock, path, drill, address
	Text  string `json:"text"`
	Bad   bool   `json:"bad,omitempty"` // it may be why others are not seen
}
