package board

import (
	"cmp"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
)

// Quarantined is what one device wrote that does not count: it stands in the timeline, in nothing else, and nothing of it is
// lost.
type Quarantined struct {
	Device   crdt.DeviceID
	Person   PersonID
	By       string        // handle
	Standing auth.Standing // of the newest
	Count    int
	First    []string // short ids of the first few, at most [MaxQuarantinedFirst]: q7f
	FirstMS  int64    // when the first and the last were written, by their author's clock
	LastMS   int64
	Incident string // in a [Group] of several: the name of the one it was written in
}

// MaxQuarantinedFirst bounds the ids that a [Quarantined] names.
const MaxQuarantinedFirst = 5

// quarantined returns what does not count, in the order of the timeline, by device.
func (r reader) quarantined(ops []*op) []Quarantined {
	var out []Quarantined
	for _, o := range ops {
		i := slices.IndexFunc(out, func(q Quarantined) bool { return q.Device == o.log.Device })
		if i < 0 {
			i = len(out)
			out = append(out, Quarantined{Device: o.log.Device, Person: o.person, By: r.who(o.person), FirstMS: o.wallMS})
		}
		q := &out[i]
		q.Count++
		q.Standing, q.LastMS = o.standing, o.wallMS
		if len(q.First) < MaxQuarantinedFirst {
			q.First = append(q.First, r.asideID(o))
		}
	}
	return out
}

// asideID returns the short id of an operation that does not count. Those that count have none, and no id of anything else
// depends on it.
func (b *Board) asideID(o *op) string {
	if o == nil || o.counts() || o.kind == crdt.KindWeave {
		return ""
	}
	return asideLetter + o.hash.Text()[:b.asideIDs.chars(o.hash)]
}

// asideLetter begins the short ids of operations that do not count.
const asideLetter = "q"

// Aside returns the operations of a device that do not count, in the order of the timeline; of all devices for the zero one.
func (b *Board) Aside(d crdt.DeviceID) []crdt.Hash {
	var out []crdt.Hash
	for _, o := range b.aside.list() {
		if o.log.Device == d || d == (crdt.DeviceID{}) {
			out = append(out, o.hash)
		}
	}
	return out
}

// FindAside returns the operations that a short id of [Entry.Aside] can mean: one, or several that share its beginning.
func (b *Board) FindAside(id string) []crdt.Hash {
	if len(id) < 1+minIDChars || id[:1] != asideLetter {
		return nil
	}
	return b.asideIDs.withPrefix(id[1:], maxCandidates)
}

// stand fills in what an entry of the timeline says about whether its operation counts.
func (r reader) stand(e *Entry, o *op) {
	e.Standing, e.Aside = o.standing, r.asideID(o)
	e.Inert = o.inert && !(o.erased && o.counts()) // what is gone does not say what it was about
	e.Ref = cmp.Or(e.Ref, e.Aside)
}

// effective returns the lines of a timeline that say what happened to the incident.
func effective(log []Entry) []Entry {
	return slices.DeleteFunc(slices.Clone(log), func(e Entry) bool { return e.Inert })
}

// sayable reports whether an operation that has no effect, because it or what it is about does not count, can be read out
// like one that has: what it is about must be here and known to its author.
func (r reader) sayable(o *op) bool {
	h, kind, about := targetOf(o.body)
	t := r.ops[h]
	if about && !(t != nil && suits(t, kind) && r.before(t, o)) {
		return false
	}
	if o.counts() && (!about || t.counts()) {
		return false
	}
	text := t
	switch v := o.body.(type) {
	case *approveBody:
		text = r.ops[v.Revision]
	case *publishBody:
		text = r.ops[v.Revision]
	case *settleBody:
		if v.Subject != SubjectUpdate {
			return true
		}
	default:
		return true
	}
	if text == nil {
		return false
	}
	_, ok := text.body.(*updateBody)
	return ok
}

// inertText says what an operation was meant to be that has no effect and cannot be read out.
func (r reader) inertText(o *op) string {
	what := "something unknown"
	if h, _, ok := targetOf(o.body); ok && r.ops[h] != nil && !r.ops[h].counts() {
		what = "something that does not count"
	}
	return KindName(o.kind) + " of " + what
}

// asideNote returns the note that does not count and has this short id, or nil.
func (c *checker) asideNote(ref string) *op {
	found := c.FindAside(ref)
	if len(found) != 1 || c.ops[found[0]].kind != KindNote {
		return nil
	}
	return c.ops[found[0]]
}

// redactAside erases a note that does not count: it can be read in the timeline by everybody.
func (c *checker) redactAside(o *op) (Draft, error) {
	id := c.asideID(o)
	switch {
	case c.redactedNote(o.hash):
		return Draft{}, refused("", "%s is redacted already", id)
	case !c.mayRedact(o):
		return Draft{}, refused("", "only the commander, a scribe or a steward can redact %s", id)
	}
	if err := c.confirm("%s is erased on every laptop and nobody can bring it back; redact it?", id); err != nil {
		return Draft{}, err
	}
	return about(KindRedact, &redactBody{Note: o.hash, Reason: c.say}, id, id+" redacted"), nil
}

// mayRedact reports whether the actor may erase what o wrote: its author, a commander, a scribe and a steward may.
func (c *checker) mayRedact(o *op) bool {
	scribe := slices.ContainsFunc(c.Board.role("scribe"), func(h *op) bool { return roleHolder(h) == c.ctx.Actor })
	return o.person == c.ctx.Actor || scribe || c.ctx.Steward || c.commands(c.ctx.Actor)
}

// notFounded says why there is nothing to write on.
func (b *Board) notFounded() error {
	o := b.ops[crdt.Hash(b.doc)]
	if o == nil || o.counts() {
		return refused("", "this incident has not arrived here yet")
	}
	return refused("to let it count: muster adopt "+b.asideID(o), "this incident was declared by a device whose words do not count")
}
