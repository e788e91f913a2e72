package board

import (
	"slices"
	"strings"

	"muster/crdt"
)

// ConflictKinds returns every kind of class C, in the order they are listed: what the board leaves to a human (domain
// C3). Nothing else may be reported as a [Conflict].
func ConflictKinds() []string {
	return []string{
		ConflictCommand, ConflictStatus, ConflictRole, ConflictDecision,
		ConflictDouble, ConflictDoneVsCancelled, ConflictRanTwice, ConflictDisputedDone, ConflictHands, ConflictPosts,
	}
}

// A conflict's key is a letter and the start of its identity, of so many characters at least.
const (
	keyLetter   = "c"
	minKeyChars = 2
)

// ID returns the whole of what the key is the start of, in the form that a settlement takes for a subject.
func (c Conflict) ID() string { return keyLetter + c.id.Text() }

// identity is what a conflict is about, hashed: the same on every node and for as long as it is the same question.
// Another kind of conflict on the same task is another question.
func (b *Board) identity(kind, subject string, target crdt.Hash) crdt.Hash {
	text := append([]byte("conflict\x00"), b.doc[:]...)
	text = append(text, kind...)
	text = append(text, 0)
	if target.IsZero() {
		text = append(text, topicKey(subject)...)
	} else {
		text = append(text, target[:]...)
	}
	return crdt.SumHash(text)
}

// settledIdentity is the identity of the conflict that a settlement ended.
func (b *Board) settledIdentity(v *settleBody) crdt.Hash {
	switch v.Subject {
	case SubjectCommand, SubjectStatus:
		return b.identity(v.Conflict, v.Conflict, crdt.Hash{})
	case SubjectTask:
		return b.identity(v.Conflict, "", v.Target)
	}
	return b.identity(v.Conflict, v.Topic, crdt.Hash{})
}

// nameConflicts gives every open conflict its key: a letter and as many characters of its identity as tell it from all
// that was ever settled or is open here, two at least.
func (r reader) nameConflicts(open []Conflict) {
	if len(open) == 0 {
		return
	}
	var known idIndex
	for i := range open {
		open[i].id = r.identity(open[i].Kind, open[i].Subject, open[i].target)
		known.add(open[i].id)
	}
	for _, o := range r.settles.list() {
		known.add(r.settledIdentity(o.body.(*settleBody)))
	}
	known.sorted()
	known.hashes = slices.Compact(known.hashes)
	for i := range open {
		open[i].Key = keyLetter + open[i].id.Text()[:known.chars(open[i].id)]
	}
}

// lastSettled returns the latest settlement for which is holds; nil when there is none.
func (r reader) lastSettled(is func(o *op, v *settleBody) bool) *op {
	all := r.settles.list()
	for i := len(all) - 1; i >= 0; i-- {
		if is(all[i], all[i].body.(*settleBody)) {
			return all[i]
		}
	}
	return nil
}

// settledByKey returns the latest settlement of the conflict that key names; nil when there is none.
func (r reader) settledByKey(key string) *op {
	text, ok := strings.CutPrefix(strings.ToLower(key), keyLetter)
	if !ok || len(text) < minKeyChars {
		return nil
	}
	return r.lastSettled(func(_ *op, v *settleBody) bool {
		return strings.HasPrefix(r.settledIdentity(v).Text(), text)
	})
}

// settledBefore returns the latest settlement of what subject names: a conflict's key, command, status, a role, a topic,
// a resource, a task's id, or decision; nil when there is none.
func (r reader) settledBefore(subject string) *op {
	if o := r.settledByKey(subject); o != nil {
		return o
	}
	return r.lastSettled(func(_ *op, v *settleBody) bool {
		switch {
		case subject == "":
			return false
		case v.Subject == SubjectCommand || v.Subject == SubjectStatus:
			return strings.EqualFold(v.Conflict, subject)
		case v.Subject == SubjectTask:
			return strings.EqualFold(r.shortID(RefTask, v.Target), subject)
		case v.Subject == SubjectDecision && strings.EqualFold(subject, ConflictDecision):
			return true
		}
		return v.Topic != "" && topicKey(v.Topic) == topicKey(subject)
	})
}

// outcome says what a settlement came to.
func (r reader) outcome(v *settleBody) string {
	who := ""
	if !v.Person.IsZero() {
		who = r.who(v.Person)
	}
	switch v.Subject {
	case SubjectCommand:
		if v.Value == ValueTeams && who != "" {
			return who + " commands, the others lead teams"
		}
		if who != "" {
			return who + " commands"
		}
	case SubjectStatus:
		return "it is " + v.Value
	case SubjectRole:
		if who != "" {
			return who + " is " + v.Topic
		}
	case SubjectDecision:
		return quote(decisionText(r.ops[v.Target])) + " stands"
	case SubjectResource:
		if who != "" {
			return who + " has hands on " + v.Topic
		}
	case SubjectUpdate:
		if o := r.ops[v.Target]; o != nil {
			return r.saysOf(o) + " stands"
		}
	case SubjectTask:
		if who != "" {
			return who + " has " + r.shortID(RefTask, v.Target)
		}
		return r.shortID(RefTask, v.Target) + " is " + v.Value
	}
	if who != "" {
		return who + " has " + v.Topic
	}
	return v.Value
}

// alreadySettled is the answer to whoever settles what somebody has settled: by whom, when, how, and what to do to
// have it otherwise.
func (r reader) alreadySettled(o *op) error {
	v := o.body.(*settleBody)
	hint := "muster conflicts lists what waits"
	switch v.Subject {
	case SubjectCommand:
		hint = "to change it, whoever commands types: muster handoff @WHO"
	case SubjectStatus:
		hint = "to change it: muster resolve, or muster reopen"
	case SubjectRole:
		hint = "to change it: muster role @WHO " + v.Topic
	case SubjectDecision:
		hint = "to change it: muster decide \"what\" --topic " + v.Topic
	case SubjectTask:
		ref := r.shortID(RefTask, v.Target)
		hint = "to change it: muster reopen " + ref + ", or muster cancel " + ref
	}
	return refused(hint, "%s", r.settledWords(o))
}

// settledWords says by whom, when and how a conflict was settled.
func (r reader) settledWords(o *op) string {
	return r.who(o.person) + " settled it " + clock(o.wallMS) + ": " + r.outcome(o.body.(*settleBody))
}

// For returns c with the keys of its choices as viewer types them: y for the viewer, a letter for what is not a person,
// else the start of a handle that no other choice shares. A key therefore never changes its meaning when another choice
// comes: it becomes ambiguous, and is refused.
func (c Conflict) For(viewer PersonID) Conflict {
	c.Choices = slices.Clone(c.Choices)
	for i := range c.Choices {
		ch := &c.Choices[i]
		switch {
		case ch.person.IsZero():
		case ch.person == viewer:
			ch.Key = "y"
		default:
			ch.Key = shortKey(c.Choices, i)
		}
	}
	return c
}

// shortKey returns the shortest start of the handle of choice i that means nothing else among choices.
func shortKey(choices []Choice, i int) string {
	name := choices[i].Value
	for n := range name {
		if n == 0 {
			continue
		}
		key := strings.ToLower(name[:n])
		taken := key == "y" || slices.ContainsFunc(choices, func(o Choice) bool {
			if o.person == choices[i].person {
				return false
			}
			if o.person.IsZero() {
				return strings.EqualFold(o.Key, key)
			}
			return strings.HasPrefix(strings.ToLower(o.Value), key)
		})
		if !taken {
			return key
		}
	}
	if slices.ContainsFunc(choices, func(o Choice) bool { return o.person.IsZero() && strings.EqualFold(o.Key, name) }) {
		return "@" + name // a person who is called as another key
	}
	return name
}
