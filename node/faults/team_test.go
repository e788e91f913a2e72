//go:build faults

package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"muster/node/api"
)

// newTeam makes laptops, starts their nodes and joins them into one team with some incidents. homes are the directories
// they live in; the home itself is a directory inside.
func newTeam(t *testing.T, homes ...string) []*laptop {
	t.Helper()
	var ls []*laptop
	for i, dir := range homes {
		l := newLaptop(t, names[i], filepath.Join(dir, "home"))
		for _, o := range ls {
			l.join = append(l.join, o.addr)
			o.join = append(o.join, l.addr)
		}
		ls = append(ls, l)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	var code string
	for i, l := range ls {
		l.start()
		var err error
		if i == 0 {
			if _, err = l.node.Init(ctx, api.Init{Responder: l.name, Team: "faults"}); err == nil {
				var inv api.Invitation
				inv, err = l.node.Invite(ctx, api.Invite{Uses: len(ls)})
				code = inv.Code
			}
		} else {
			_, err = l.node.Join(ctx, api.Join{Code: code, Responder: l.name})
		}
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
	}
	for i := range incidents {
		if _, err := ls[i%len(ls)].node.Write(ctx, api.Write{Verb: "declare", Text: fmt.Sprintf("outage %d", i), Severity: 2}); err != nil {
			t.Fatal(err)
		}
	}
	converge(t, ls)
	return ls
}

const incidents = 4

var names = []string{"ann", "bob", "cyd"}

// tempHomes returns n directories on the disk of the machine.
func tempHomes(t *testing.T, n int) []string {
	t.Helper()
	var out []string
	for range n {
		out = append(out, t.TempDir())
	}
	return out
}

// unlike says why the nodes do not all hold the same; empty: they do, and reach each other.
func unlike(ls []*laptop) string {
	digest := ""
	for _, l := range ls {
		st, err := l.status()
		if err != nil {
			return l.name + ": " + err.Error()
		}
		if digest == "" {
			digest = st.Digest
		}
		if st.Digest != digest {
			return fmt.Sprintf("%s and %s hold different boards", ls[0].name, l.name)
		}
		for _, p := range st.Peers {
			if !p.Reachable {
				return fmt.Sprintf("%s does not reach %s", l.name, p.Responder)
			}
		}
	}
	return ""
}

// converge waits until all nodes reach each other and hold the same.
func converge(t *testing.T, ls []*laptop) {
	t.Helper()
	until(t, convergeTimeout, func() string { return unlike(ls) })
}
