package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/store"
	"muster/node/wire"
)

// teamsMax bounds the teams of one directory that are looked at.
const teamsMax = 256

// Teams lists the teams whose boards are in this node's directory.
func (n *Node) Teams(ctx context.Context) ([]api.TeamHere, error) {
	s, err := n.current(ctx)
	if err != nil {
		return nil, err
	}
	out := []api.TeamHere{{ID: s.team.String(), Current: true}}
	err = s.do(ctx, func(time.Time) error {
		out[0].Name, out[0].Responder, out[0].Members = s.r.Team().Name(), s.me().Handle, len(s.r.Team().Members())
		return nil
	})
	if err != nil {
		return nil, problem(err)
	}
	others, err := n.otherTeams(s.team)
	return append(out, others...), problem(err)
}

// otherTeams reads what the copies of the team documents say of all teams but one.
func (n *Node) otherTeams(but crdt.DocID) ([]api.TeamHere, error) {
	entries, err := os.ReadDir(n.home.teams())
	if err != nil {
		return nil, err
	}
	var out []api.TeamHere
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), "new-") || strings.HasPrefix(but.String(), e.Name()) || len(out) == teamsMax {
			continue
		}
		t, err := n.teamIn(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // entered and never opened, or on its way
		}
		if err != nil {
			t = api.TeamHere{ID: e.Name(), Problem: err.Error()}
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b api.TeamHere) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return out, nil
}

// teamIn reads the copy of the team document in one team's directory.
func (n *Node) teamIn(dir string) (api.TeamHere, error) {
	b, err := n.readRoster(dir)
	if err != nil {
		return api.TeamHere{}, err
	}
	batch, err := wire.ParseBatch(b)
	if err != nil {
		return api.TeamHere{}, err
	}
	if !strings.HasPrefix(batch.Doc.String(), dir) || !batch.Verify(crdt.VerifyEd25519) {
		return api.TeamHere{}, errors.New("the copy of the team document is not this team's")
	}
	st, err := store.NewMemory(n.storeConfig())
	if err != nil {
		return api.TeamHere{}, err
	}
	j := joiner{n: n}
	r, err := j.replica(st, batch)
	if err != nil {
		return api.TeamHere{}, err
	}
	out := api.TeamHere{ID: batch.Doc.String(), Name: r.Team().Name(), Members: len(r.Team().Members())}
	if me, ok := r.Team().Member(n.device.ID()); ok {
		out.Responder = me.Handle
	}
	return out, st.Close()
}

// readRoster reads the copy of the team document in one team's directory.
func (n *Node) readRoster(dir string) ([]byte, error) {
	return n.home.read(filepath.Join(n.home.teams(), dir, "roster"))
}

// SwitchTeam makes another team the current one.
func (n *Node) SwitchTeam(ctx context.Context, name string) (api.Status, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Status{}, err
	}
	all, err := n.Teams(ctx)
	if err != nil {
		return api.Status{}, err
	}
	t, err := findTeam(all, name)
	if err != nil {
		return api.Status{}, err
	}
	if t.Current {
		return n.Status(ctx)
	}
	id, err := parseCurrent(t.ID)
	if err == nil {
		err = n.switchTo(ctx, s, id)
	}
	if err != nil {
		return api.Status{}, problem(err)
	}
	return n.Status(ctx)
}

// findTeam returns the team that a person means: by its name, its id, or the start of either if no other begins so.
func findTeam(all []api.TeamHere, name string) (api.TeamHere, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	var exact, starts []api.TeamHere
	var names []string
	for _, t := range all {
		names = append(names, fmt.Sprintf("%s (%s)", t.Name, t.ID[:8]))
		switch lower := strings.ToLower(t.Name); {
		case lower == name || t.ID == name:
			exact = append(exact, t)
		case name != "" && strings.HasPrefix(lower, name), len(name) >= 4 && strings.HasPrefix(t.ID, name):
			starts = append(starts, t)
		}
	}
	if len(exact) > 0 {
		starts = exact
	}
	e := api.Errorf(api.CodeNotFound, "muster team lists them", "there is no team %q here", name)
	switch {
	case len(starts) > 1:
		e = api.Errorf(api.CodeAmbiguous, "name it by the start of its id", "%q could be one of %d teams", name, len(starts))
	case len(starts) == 1 && starts[0].Problem == "":
		return starts[0], nil
	case len(starts) == 1:
		return api.TeamHere{}, api.Errorf(api.CodeDisk, "", "that team cannot be opened: %s", starts[0].Problem)
	}
	e.Candidates = names[:min(len(names), 8)]
	return api.TeamHere{}, e
}
