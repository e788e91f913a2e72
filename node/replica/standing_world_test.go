package replica_test

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
)

// cutOf returns the ends of the logs of a device in every document that n holds: the cut of a removal by n now.
func (g *group) cutOf(n *node, dev crdt.DeviceID) auth.Hashes {
	var out []crdt.Hash
	for _, doc := range append([]crdt.DocID{g.team}, n.r.Documents()...) {
		for _, t := range n.r.Graph(doc).Frontier() {
			if t.Log.Device == dev {
				out = append(out, t.Hash)
			}
		}
	}
	return auth.SortHashes(out)
}

// says lets n write in the team document.
func (g *group) says(n *node, kind crdt.Kind, body any) error {
	g.depth = 0
	g.renew(n)
	_, err := n.r.ProposeTeam(g.now, kind, body)
	if err == nil {
		g.work(n)
	}
	return err
}

// remove lets n remove the device of another node, with all that n holds of it as the cut.
func (g *group) remove(n, o *node, mode auth.Mode) error {
	dev := o.signer.Device()
	return g.says(n, auth.KindRemove, auth.Remove{Device: dev, Mode: mode, Cut: g.cutOf(n, dev), Reason: "lost"})
}

// person returns who a node's device belongs to, as n knows it.
func (g *group) person(n, o *node) auth.PersonID {
	m, _ := n.r.Team().Member(o.signer.Device())
	return m.Person
}

// boards prints what n shows of every incident, without times.
func (g *group) boards(n *node) string {
	var out strings.Builder
	team := n.r.Team()
	for _, doc := range n.r.Documents() {
		v := n.r.Board(doc).View(g.now, team)
		fmt.Fprintf(&out, "%q sev %d %s, command %s", v.Title, v.Severity, v.Status, v.Command.Commander)
		for _, t := range v.Command.Terms {
			fmt.Fprintf(&out, " %s(%s)", t.Holder, t.Basis)
		}
		out.WriteString("\n")
		for _, t := range v.Tasks {
			fmt.Fprintf(&out, "  task %q %s %v\n", t.Text, t.State, t.Owners)
		}
		for _, x := range v.Notes {
			text := x.Text
			if x.Redacted != nil {
				text = "REDACTED by " + x.Redacted.By
			}
			fmt.Fprintf(&out, "  note %s: %s\n", x.By, text)
		}
		for _, c := range v.Conflicts {
			fmt.Fprintf(&out, "  conflict %s %s\n", c.Kind, c.Subject)
		}
		for _, q := range v.Quarantined {
			fmt.Fprintf(&out, "  %d of %s do not count\n", q.Count, q.By)
		}
	}
	return out.String()
}

// types lets n write what a person who may or may not do so wants to; what the board's rules say against it is no matter.
func (g *group) types(n *node, doc crdt.DocID, in board.Intent) bool {
	in.Yes = true
	g.renew(n)
	_, err := n.r.Propose(g.now, doc, in)
	g.work(n)
	return err == nil
}

// renew moves n to a log of its own if it must.
func (g *group) renew(n *node) {
	if n.r.NeedsEpoch() {
		n.disk.epoch += 1000
		n.r.SetEpoch(n.disk.epoch)
	}
}

// signed is everything that was ever signed in a group, with its bodies: own operations as they came out of replicas.
func (g *group) signed() []*crdt.Record {
	var out []*crdt.Record
	seen := map[crdt.Hash]bool{}
	for _, n := range g.nodes {
		for _, doc := range n.disk.docs {
			for _, rec := range n.disk.all(doc) {
				if !seen[rec.Hash] {
					seen[rec.Hash] = true
					if full := g.made[rec.Hash]; full != nil {
						rec = full
					}
					out = append(out, rec)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b *crdt.Record) int { return a.Hash.Compare(b.Hash) })
	return out
}

// publicOf returns the public half of an invitation's key.
func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }
