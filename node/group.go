package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/replica"
)

// grouping is how the incidents held are sorted into those that are one. It is computed again when anything has changed.
type grouping struct {
	digest crdt.Hash // of what was held when it was computed
	filled uint64    // bodies that had come late

	of          map[crdt.DocID]*board.Group
	canonical   []crdt.DocID // of each group, in the order of declaration
	briefs      map[crdt.DocID]*board.Brief
	suggestions []board.Suggestion
}

// groups returns how the incidents are sorted now.
func (s *session) groups() *grouping {
	key := grouping{digest: s.r.Digest(), filled: uint64(s.r.Stats().Filled)}
	if g := s.grouped; g != nil && g.digest == key.digest && g.filled == key.filled {
		return g
	}
	docs := s.r.Documents()
	boards := make([]*board.Board, len(docs))
	for i, d := range docs {
		boards[i] = s.r.Board(d)
	}
	all := board.Groups(boards)
	key.of, key.briefs = map[crdt.DocID]*board.Group{}, map[crdt.DocID]*board.Brief{}
	key.suggestions = board.Suggest(all)
	for _, g := range all {
		key.canonical = append(key.canonical, g.Doc())
		for _, d := range g.Docs() {
			key.of[d] = g
		}
	}
	s.grouped = &key
	return s.grouped
}

// group returns the incidents that are one with doc, and doc itself.
func (s *session) group(doc crdt.DocID) *board.Group { return s.groups().of[doc] }

// brief returns the line that lists show of a group, by any of its incidents.
func (s *session) brief(doc crdt.DocID) *board.Brief {
	all := s.groups()
	g := all.of[doc]
	if len(g.Docs()) == 1 {
		return &s.summary(doc).Brief
	}
	if all.briefs[g.Doc()] == nil {
		b := g.Brief(s.r.Team())
		all.briefs[g.Doc()] = &b
	}
	return all.briefs[g.Doc()]
}

// canonicals replaces each of docs by the canonical incident of its group, and names each once.
func (s *session) canonicals(docs []crdt.DocID) []crdt.DocID {
	var out []crdt.DocID
	for _, d := range docs {
		if c := s.group(d).Doc(); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// propose writes what a verb needs: usually one operation, in a group of several incidents sometimes one in each. All of
// them become durable together. The first is the one that the receipt is about.
func (s *session) propose(now time.Time, doc crdt.DocID, in board.Intent) ([]replica.Proposed, error) {
	return s.r.ProposeAll(now, func(ctx board.CheckContext) ([]board.Placed, error) { return s.place(doc, in, ctx) })
}

// place says what a verb writes, and where.
func (s *session) place(doc crdt.DocID, in board.Intent, ctx board.CheckContext) ([]board.Placed, error) {
	if in.Verb == "same" {
		return board.Link(s.r.Board(doc), s.r.Board(in.Other), s.group(doc), in, ctx)
	}
	return s.group(doc).Check(in, ctx)
}

// groupNotes is what a receipt says besides when several incidents were written in, when incidents have become one, and
// when one that was just declared looks like another.
func (s *session) groupNotes(verb string, made []replica.Proposed) []string {
	var out []string
	for _, p := range made {
		for _, n := range p.Draft.Notes {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	name := board.Name(made[0].Doc)
	if len(made) > 1 {
		names := name
		for _, p := range made[1:] {
			names += " and " + board.Name(p.Doc)
		}
		out = append(out, "written in "+names)
	}
	switch verb {
	case "declare":
		for _, x := range s.suggestionsFor(made[0].Doc) {
			out = append(out, x.Text())
		}
	case "same":
		out = append(out, s.linkNotes(made[0].Doc)...)
	}
	return out
}

// linkNotes says what follows from incidents having become one.
func (s *session) linkNotes(doc crdt.DocID) []string {
	g := s.group(doc)
	names := g.Names()
	if len(names) == 1 {
		return nil
	}
	out := []string{fmt.Sprintf("%s was declared first and gives the name; the others keep working: %s", names[0], strings.Join(names[1:], ", "))}
	for _, c := range g.Conflicts(s.r.Team()) {
		if c.Kind == board.ConflictCommand {
			out = append(out, fmt.Sprintf(`who commands? %s: muster settle command NAME "why"`, c.Text))
		}
	}
	return out
}

// suggestionsFor returns the suggestions that are about a group.
func (s *session) suggestionsFor(doc crdt.DocID) []board.Suggestion {
	name := board.Name(s.group(doc).Doc())
	var out []board.Suggestion
	for _, x := range s.groups().suggestions {
		if x.Incident == name || x.Other == name {
			out = append(out, x)
		}
	}
	return out
}

// suggestions puts suggestions into the words of the api.
func suggestions(all []board.Suggestion) []api.Suggestion {
	var out []api.Suggestion
	for _, x := range all {
		out = append(out, api.Suggestion{Incident: x.Incident, Other: x.Other, Why: x.Why, Text: x.Text()})
	}
	return out
}

// incidentStatus is the line about one incident. One of several names of an outage says what all of them have in common;
// only the canonical one counts what waits.
func (s *session) incidentStatus(doc, current crdt.DocID) api.IncidentStatus {
	g, own, all := s.group(doc), s.summary(doc), s.brief(doc)
	out := api.IncidentStatus{
		ID: doc.String(), Name: board.Name(doc), Operations: own.ops, Digest: digestText(s.r.DocDigest(doc)), Title: own.Title,
		Severity: all.Severity, Status: all.Status, Commander: all.Commander, Settle: all.Conflicts, Live: g.Live(), Drill: own.Drill,
		Current: doc == current,
	}
	switch names := g.Names(); {
	case len(names) == 1:
	case doc == g.Doc():
		out.Also = names[1:]
	default:
		out.Same, out.Settle = names[0], 0
	}
	return out
}
