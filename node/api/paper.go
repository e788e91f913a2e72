package api

import (
	"context"
	"net/http"
)

// Carrier is the part of [Service] about what leaves a node without a network: a file of operations, and a printed page.
type Carrier interface {
	// Export writes all operations of the team, or of one incident, into a sealed file on the node's machine. Codes: usage,
	// not_found, ambiguous, confirm (there is such a file), refused, disk, disk_full.
	Export(ctx context.Context, in Export) (Exported, error)

	// Import takes in the operations of such a file as if a peer had sent them. What stood before a fault is kept. Codes:
	// not_found, refused (another team, or sealed with a key that is not here), bad_code (wrong passphrase), damaged, disk_full.
	Import(ctx context.Context, in Import) (Imported, error)

	// Rally returns what a printed page needs for the team to find together again.
	Rally(ctx context.Context) (Rally, error)
}

// Export says what is written where.
type Export struct {
	File       string `json:"file"`                 // absolute path
	Incident   string `json:"incident,omitempty"`   // empty: all
	Passphrase string `json:"passphrase,omitempty"` // empty: the newest team key
	Yes        bool   `json:"yes,omitempty"`        // replace a file that is there
}

// Exported says what was written, schema muster.export/1.
type Exported struct {
	Schema     string   `json:"schema"`
	File       string   `json:"file"`
	Bytes      int64    `json:"bytes"`
	Operations int      `json:"operations"`
	Incidents  []string `json:"incidents"`     // names
	Sealed     string   `json:"sealed"`        // with what: team key or passphrase
	Key        uint64   `json:"key,omitempty"` // generation of the team key; 0: the team has made none yet
	Notes      []string `json:"notes,omitempty"`
}

// Import says what is read.
type Import struct {
	File       string `json:"file"` // absolute path
	Passphrase string `json:"passphrase,omitempty"`
}

// Imported says what a file brought, schema muster.import/1.
type Imported struct {
	Schema     string   `json:"schema"`
	File       string   `json:"file"`
	By         string   `json:"by,omitempty"` // handle of whoever made it, as the file says
	MadeMS     int64    `json:"made_ms"`
	Operations int      `json:"operations"` // in the file
	New        int      `json:"new"`
	Known      int      `json:"known"`               // were here already
	Waiting    int      `json:"waiting,omitempty"`   // whose past is neither here nor in the file
	Incidents  []string `json:"incidents,omitempty"` // names of those that got something new
}

// Rally is what a printed page says, schema muster.rally/1.
type Rally struct {
	Schema string        `json:"schema"`
	Team   string        `json:"team"`
	By     string        `json:"by"` // handle of this node's person
	MadeMS int64         `json:"made_ms"`
	Port   int           `json:"port"`   // UDP, the usual one
	Places []RallyPlace  `json:"places"` // where somebody can be found, this node first
	People []RallyPerson `json:"people"`
}

// RallyPlace is a device and where it was last found.
type RallyPlace struct {
	Responder string   `json:"responder"`
	Device    string   `json:"device"` // as its person calls it
	Addrs     []string `json:"addrs"`  // with ports, the one to try first is first
	SeenMS    int64    `json:"seen_ms,omitempty"`
	Mine      bool     `json:"mine,omitempty"`
}

// RallyPerson is a person of the team, on paper.
type RallyPerson struct {
	Handle   string        `json:"handle"`
	Name     string        `json:"name,omitempty"`
	Callsign string        `json:"callsign,omitempty"`
	Role     string        `json:"role"`
	Phones   []string      `json:"phones,omitempty"`
	Devices  []RallyDevice `json:"devices"`
}

// RallyDevice is a device, on paper.
type RallyDevice struct {
	Name  string `json:"name"`
	Words string `json:"words"` // its fingerprint
}

const (
	pathExport = "/v1/export"
	pathImport = "/v1/import"
	pathRally  = "/v1/rally"
)

// serveCarrier mounts the methods of [Carrier].
func serveCarrier(mux *http.ServeMux, s Carrier) {
	method(mux, pathExport, func(ctx context.Context, in Export) (Exported, error) { return s.Export(ctx, in) })
	method(mux, pathImport, func(ctx context.Context, in Import) (Imported, error) { return s.Import(ctx, in) })
	method(mux, pathRally, func(ctx context.Context, _ empty) (Rally, error) { return s.Rally(ctx) })
}

// Export implements [Service].
func (c *Client) Export(ctx context.Context, in Export) (Exported, error) {
	return call[Exported](ctx, c, pathExport, in)
}

// Import implements [Service].
func (c *Client) Import(ctx context.Context, in Import) (Imported, error) {
	return call[Imported](ctx, c, pathImport, in)
}

// Rally implements [Service].
func (c *Client) Rally(ctx context.Context) (Rally, error) {
	return call[Rally](ctx, c, pathRally, empty{})
}
