package node

import (
	"cmp"
	"fmt"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/node/api"
)

// A board holds what everybody wrote, for good, so that who fills it must be seen before it is full.
const (
	storageListed = 1000   // operations in all from which on the status says whose they are
	storageWarns  = 50_000 // of one person, more than of all others together, from which on it warns
)

// storage lists how much of the board each person wrote, the most first.
func (s *session) storage() []api.Storage {
	if s.operations() < storageListed {
		return nil
	}
	byPerson := map[auth.PersonID]*api.Storage{}
	for _, doc := range append([]crdt.DocID{s.team}, s.r.Documents()...) {
		for dev, u := range s.r.Graph(doc).Usage() { // any order: added up
			m, _ := s.r.Team().Member(dev)
			if byPerson[m.Person] == nil {
				a := s.allowances[m.Person]
				byPerson[m.Person] = &api.Storage{Responder: s.r.Team().Handle(m.Person), Delayed: a != nil && a.level < 0}
			}
			byPerson[m.Person].Operations += u.Operations
			byPerson[m.Person].Bytes += u.Bytes
		}
	}
	var out []api.Storage
	for _, st := range byPerson { // any order: sorted below
		out = append(out, *st)
	}
	slices.SortFunc(out, func(a, b api.Storage) int {
		return cmp.Or(cmp.Compare(b.Operations, a.Operations), cmp.Compare(a.Responder, b.Responder))
	})
	return out
}

// storageWarnings names who has written more than all others together, if that is much and was not this node's own person.
func storageWarnings(all []api.Storage, me string) []string {
	total := 0
	for _, st := range all {
		total += st.Operations
	}
	if len(all) == 0 || all[0].Responder == me || all[0].Operations < storageWarns || 2*all[0].Operations <= total {
		return nil
	}
	return []string{fmt.Sprintf("%s wrote %d of %d operations here (%d MB); if that is no work, set it aside: muster suspend @%s \"why\"",
		all[0].Responder, all[0].Operations, total, all[0].Bytes>>20, all[0].Responder)}
}
