package node

import (
	"maps"
	"slices"
	"strconv"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
)

// A numbering is by which numbers this node's person knows the conflicts of one incident. A number is given once and
// for all: when the first of three is settled, by whomever, the others keep theirs under the fingers of whoever is just
// typing, and the first one's goes on meaning what it did, so that the answer is who settled it.
type numbering struct {
	next int
	of   map[string]int // conflict, as board.Conflict.ID has it -> number
}

// numbersMax bounds the numbers remembered of one incident; the smallest are forgotten first.
const numbersMax = 1024

// number returns the number of a conflict, giving it one if it has none.
func (s *session) number(doc crdt.DocID, id string) int {
	l := &s.merges
	n := l.numbers[doc]
	if n == nil {
		n = &numbering{next: 1, of: map[string]int{}}
		l.numbers[doc] = n
	}
	if k, ok := n.of[id]; ok {
		return k
	}
	n.of[id] = n.next
	n.next++
	if len(n.of) > numbersMax {
		least := slices.Min(slices.Collect(maps.Values(n.of)))
		maps.DeleteFunc(n.of, func(_ string, k int) bool { return k == least })
	}
	s.keepMerges()
	return n.of[id]
}

// conflict puts one conflict into the words of the api, with the number and the keys of this node's person.
func (s *session) conflict(doc crdt.DocID, c board.Conflict) api.Conflict {
	c = c.For(s.me().Person)
	a := api.Conflict{
		N: s.number(s.group(doc).Doc(), c.ID()), Key: c.Key, Kind: c.Kind, Subject: c.Subject, SinceMS: c.SinceMS, Text: c.Text, Shown: c.Shown,
		Choices: []api.Choice{}, Incident: c.Incident,
	}
	for _, ch := range c.Choices {
		a.Choices = append(a.Choices, api.Choice{Key: ch.Key, Value: ch.Value, Label: ch.Label, By: ch.By, AtMS: ch.AtMS})
	}
	return a
}

// settleSubject returns the subject of a settlement with a number replaced by what it has meant here. Where no list has
// been shown the numbers are those that one would show now.
func (s *session) settleSubject(doc crdt.DocID, subject string) (string, error) {
	group := s.group(doc)
	doc = group.Doc()
	k, err := strconv.Atoi(subject)
	if err != nil {
		return subject, nil
	}
	find := func() (string, bool) {
		if n := s.merges.numbers[doc]; n != nil {
			for id, have := range n.of { // any order: a number is given once
				if have == k {
					return id, true
				}
			}
		}
		return "", false
	}
	if id, ok := find(); ok {
		return id, nil
	}
	open := s.group(doc).Conflicts(s.r.Team())
	for _, c := range open {
		s.number(doc, c.ID())
	}
	if id, ok := find(); ok {
		return id, nil
	}
	if len(open) == 0 {
		return subject, nil // the board says that nothing waits
	}
	return "", api.Errorf(api.CodeNotFound, "muster conflicts lists them", "there is no conflict %d", k)
}
