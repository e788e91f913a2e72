package api

import (
	"context"
	"net/http"
)

// A Doorkeeper is the part of [Service] that says which invitations there are and which team this node works for.
type Doorkeeper interface {
	// Invites returns the invitations of the team in the order of the team document, those that let nobody in any more too.
	Invites(ctx context.Context) ([]Pending, error)

	// CloseInvite makes an invitation let nobody in any more, by its number in the list, its id or the start of that. Codes:
	// not_found, ambiguous, refused, disk_full.
	CloseInvite(ctx context.Context, id string) (Pending, error)

	// Arrivals returns whom words of this node let in since it was asked last, oldest first: each is told once.
	Arrivals(ctx context.Context) ([]Arrival, error)

	// Teams returns the teams whose boards are in this node's directory, the current one first.
	Teams(ctx context.Context) ([]TeamHere, error)

	// SwitchTeam makes another of them the current one, by name, id or the start of either. Codes: not_found, ambiguous.
	SwitchTeam(ctx context.Context, team string) (Status, error)
}

// Invite asks for a code.
type Invite struct {
	Uses     int    `json:"uses,omitempty"`     // 0: 1
	For      string `json:"for,omitempty"`      // handle of the person whose further device is to join, or "me"; empty: somebody new
	Observer bool   `json:"observer,omitempty"` // may read and not write
	Words    bool   `json:"words,omitempty"`    // words too, which this node keeps for [WordsForMS]
	Bundle   bool   `json:"bundle,omitempty"`   // a bundle too, by which one can join without a network
}

// WordsForMS is how long the words of an invitation let somebody in.
const WordsForMS = 15 * 60 * 1000

// Invitation is what to pass on to others.
type Invitation struct {
	Code  string   `json:"code"` // the long one: all that it takes, for as long as it has uses left
	Uses  int      `json:"uses"`
	Addrs []string `json:"addrs"` // where this node can be reached, as the code says

	ID        string   `json:"id,omitempty"`         // by which it is closed
	Words     string   `json:"words,omitempty"`      // 7-amber-falcon-ridge: to be said in one room, while this node runs
	ExpiresMS int64    `json:"expires_ms,omitempty"` // of the words, by this node's clock
	For       string   `json:"for,omitempty"`        // whose further device it lets in
	Role      string   `json:"role,omitempty"`       // responder, observer
	Bundle    []byte   `json:"bundle,omitempty"`
	Notes     []string `json:"notes,omitempty"` // what else to know, one line each
}

// What has become of words; see [Pending].
const (
	WordsOpen    = "open"
	WordsUsed    = "used up"
	WordsExpired = "expired"
	WordsBurnt   = "burnt" // after too many wrong guesses
)

// Pending is an invitation as it stands.
type Pending struct {
	N      int    `json:"n"` // in the list, from 1
	ID     string `json:"id"`
	By     string `json:"by"`            // handle of whose it is
	For    string `json:"for,omitempty"` // whose further device it lets in
	Role   string `json:"role"`          // responder, observer
	Uses   int    `json:"uses"`
	Left   int    `json:"left"` // uses not known to be taken
	Closed bool   `json:"closed,omitempty"`

	Words      string    `json:"words,omitempty"`       // while this node keeps them
	WordsState string    `json:"words_state,omitempty"` // open, used up, expired, burnt
	ExpiresMS  int64     `json:"expires_ms,omitempty"`  // of the words
	Wrong      int       `json:"wrong,omitempty"`       // guesses at them so far
	Came       []Arrival `json:"came,omitempty"`        // whom this node let in by it since it started
}

// Arrivals implements [Service].
func (c *Client) Arrivals(ctx context.Context) ([]Arrival, error) {
	return call[[]Arrival](ctx, c, pathArrivals, empty{})
}

// Arrival is somebody who was let in.
type Arrival struct {
	Responder string `json:"responder"`
	Device    string `json:"device"`
	Words     string `json:"words"` // fingerprint of the device
	AtMS      int64  `json:"at_ms"`
}

// Join enters a team, by a code, by words or by a bundle.
type Join struct {
	Code      string   `json:"code,omitempty"`      // long code or words
	Bundle    string   `json:"bundle,omitempty"`    // path of a bundle instead; the node reads it
	At        []string `json:"at,omitempty"`        // where the inviter's node is, where it cannot be found: ADDR:PORT
	Responder string   `json:"responder,omitempty"` // empty: as before
}

// Joined says what was entered.
type Joined struct {
	Team       string `json:"team"`
	Responder  string `json:"responder"`
	Via        string `json:"via,omitempty"` // handle of the responder whose node let us in; empty: a bundle did
	Members    int    `json:"members"`       // persons, this one included
	Operations int    `json:"operations"`

	Words    string `json:"words,omitempty"`     // fingerprint of this device
	ViaWords string `json:"via_words,omitempty"` // of the one that let us in
	Kept     string `json:"kept,omitempty"`      // name of the team left, whose board stays here
}

// TeamHere is a team whose board is in this node's directory.
type TeamHere struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Responder string `json:"responder"` // who this node is there
	Members   int    `json:"members"`   // devices
	Current   bool   `json:"current"`
	Problem   string `json:"problem,omitempty"` // why nothing more is known of it
}

// Paths of the methods.
const (
	pathInvites     = "/v1/invites"
	pathCloseInvite = "/v1/close-invite"
	pathArrivals    = "/v1/arrivals"
	pathTeams       = "/v1/teams"
	pathSwitchTeam  = "/v1/switch-team"
)

// nameAsk is the body of methods whose only argument is a name.
type nameAsk struct {
	Name string `json:"name"`
}

func serveDoorkeeper(mux *http.ServeMux, s Service) {
	method(mux, pathInvites, func(ctx context.Context, _ empty) ([]Pending, error) { return s.Invites(ctx) })
	method(mux, pathCloseInvite, func(ctx context.Context, in nameAsk) (Pending, error) { return s.CloseInvite(ctx, in.Name) })
	method(mux, pathArrivals, func(ctx context.Context, _ empty) ([]Arrival, error) { return s.Arrivals(ctx) })
	method(mux, pathTeams, func(ctx context.Context, _ empty) ([]TeamHere, error) { return s.Teams(ctx) })
	method(mux, pathSwitchTeam, func(ctx context.Context, in nameAsk) (Status, error) { return s.SwitchTeam(ctx, in.Name) })
}

// Invites implements [Service].
func (c *Client) Invites(ctx context.Context) ([]Pending, error) {
	return call[[]Pending](ctx, c, pathInvites, empty{})
}

// CloseInvite implements [Service].
func (c *Client) CloseInvite(ctx context.Context, id string) (Pending, error) {
	return call[Pending](ctx, c, pathCloseInvite, nameAsk{Name: id})
}

// Teams implements [Service].
func (c *Client) Teams(ctx context.Context) ([]TeamHere, error) {
	return call[[]TeamHere](ctx, c, pathTeams, empty{})
}

// SwitchTeam implements [Service].
func (c *Client) SwitchTeam(ctx context.Context, team string) (Status, error) {
	return call[Status](ctx, c, pathSwitchTeam, nameAsk{Name: team})
}
