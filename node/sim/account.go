package sim

import (
	"cmp"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
)

// An account is what the operations of one incident say, read by the format alone: nothing of the board's code is used,
// so that the checkers do not believe what they check.
type account struct {
	doc   crdt.DocID
	graph *crdt.Graph
	facts []*fact // in an order that agrees with causality
	at    map[crdt.Hash]*fact
	about map[crdt.Hash][]*fact // task, note, ... -> readable operations that refer to it, in order
	kinds map[crdt.Kind][]*fact // readable ones, in order
}

// fact is one operation. What its body says goes by one set of names for all kinds, see layouts.
type fact struct {
	hash   crdt.Hash
	person crdt.Hash // who wrote it
	kind   crdt.Kind
	place  crdt.Place
	wallMS int64
	gone   bool // its body is not here
	inert  bool // means nothing: it cannot be read, or refers to what is not in its past
	grey   bool // does not count: who wrote it was thrown out, or may not write

	target crdt.Hash // what it is about
	which  crdt.Hash // of the texts of what it is about
	given  crdt.Hash // the person who gets something
	text   string
	value  string // status, role, kind of a note, state of a check-in or resource
	topic  string
	kindOf string // of the conflict that a settlement ends
	mode   uint64 // of a take or an acknowledgement; a severity; the subject of a settlement
	was    uint64
	flag   bool // no commander, reopens, claims, removes, skips
	once   bool
	vital  bool
	on     string // resource
}

// A layout says under which keys a kind of body has what the checkers look at; 0: nowhere.
type layout struct {
	of                                             crdt.Kind // what target must be made by; 0: it has none
	target, which, given, text, value, topic, mode uint64
	was, kindOf, flag, once, vital, on             uint64
}

var layouts = map[crdt.Kind]layout{
	board.KindDeclare:    {text: 1, flag: 4},
	board.KindTitle:      {of: board.KindTask, text: 1, target: 2},
	board.KindSeverity:   {mode: 1, was: 2},
	board.KindStatus:     {value: 1, flag: 3},
	board.KindTake:       {mode: 1, text: 2},
	board.KindOffer:      {given: 1, text: 2},
	board.KindWithdraw:   {of: board.KindOffer, target: 1},
	board.KindAccept:     {of: board.KindOffer, target: 1, text: 2},
	board.KindDecline:    {of: board.KindOffer, target: 1},
	board.KindRole:       {value: 1, given: 2},
	board.KindTask:       {text: 1, given: 2, once: 4, vital: 5, on: 6},
	board.KindAssign:     {of: board.KindTask, target: 1, given: 2},
	board.KindAck:        {of: board.KindTask, target: 1, mode: 2},
	board.KindRefuse:     {of: board.KindTask, target: 1, text: 2},
	board.KindStuck:      {of: board.KindTask, target: 1, text: 2},
	board.KindDone:       {of: board.KindTask, target: 1, text: 2, flag: 3},
	board.KindCancel:     {of: board.KindTask, target: 1, text: 2},
	board.KindExtend:     {of: board.KindTask, target: 1},
	board.KindTaskReopen: {of: board.KindTask, target: 1, text: 2},
	board.KindVerify:     {of: board.KindTask, target: 1, text: 2},
	board.KindAssist:     {of: board.KindTask, target: 1, flag: 2},
	board.KindNote:       {text: 1, value: 2},
	board.KindEdit:       {of: board.KindNote, target: 1, text: 2, value: 3},
	board.KindRedact:     {of: board.KindNote, target: 1, text: 2},
	board.KindTheory:     {text: 1},
	board.KindRuleOut:    {of: board.KindTheory, target: 1, text: 2},
	board.KindDecide:     {text: 1, topic: 2},
	board.KindObject:     {of: board.KindDecide, target: 1, text: 2},
	board.KindHere:       {value: 1, given: 3, text: 4},
	board.KindConfirm:    {of: board.KindAccept, target: 1},
	board.KindCriterion:  {text: 1},
	board.KindMet:        {of: board.KindCriterion, target: 1, text: 2, flag: 3},
	board.KindPin:        {of: board.KindNote, target: 1, flag: 2},
	board.KindRead:       {of: board.KindDecide, target: 1},
	board.KindSaw:        {on: 1, value: 2, text: 4},
	board.KindSitrep:     {value: 1, text: 2},
	board.KindUpdate:     {of: board.KindUpdate, target: 1, topic: 2, text: 3},
	board.KindApprove:    {of: board.KindUpdate, target: 1, which: 2},
	board.KindPublish:    {of: board.KindUpdate, target: 1, which: 2},
	board.KindPlaybook:   {text: 1},
	board.KindCheck:      {of: board.KindPlaybook, target: 1, mode: 2, flag: 3, text: 4},
	board.KindSettle:     {mode: 1, kindOf: 2, target: 3, topic: 4, value: 5, given: 6},
}

// account reads the operations of doc from the disk of a host that is up.
func (w *world) account(h *host, doc crdt.DocID) *account {
	a := &account{
		doc: doc, graph: h.r.Graph(doc), at: map[crdt.Hash]*fact{}, about: map[crdt.Hash][]*fact{}, kinds: map[crdt.Kind][]*fact{},
	}
	bodies := map[crdt.Hash][]byte{}
	for _, log := range h.disk.docs[doc] { // any order: sorted below
		for _, rec := range log {
			if rec.Op.Kind == crdt.KindWeave || !a.graph.Has(rec.Hash) {
				continue
			}
			m, _ := h.r.Team().Member(rec.Op.Dot.Device)
			f := &fact{
				hash: rec.Hash, person: m.Person, kind: rec.Op.Kind, place: a.graph.Place(rec.Hash), wallMS: rec.Op.WallMS, gone: rec.Erased,
			}
			a.facts = append(a.facts, f)
			a.at[rec.Hash] = f
			bodies[rec.Hash] = rec.Body
		}
	}
	slices.SortFunc(a.facts, compareFacts)
	for _, f := range a.facts {
		f.grey = w.standing(h, w.made[f.hash]) != auth.Counts
		f.inert = !f.gone && !a.read(f, bodies[f.hash]) || f.grey
		if f.gone || f.inert {
			continue
		}
		a.kinds[f.kind] = append(a.kinds[f.kind], f)
		if !f.target.IsZero() {
			a.about[f.target] = append(a.about[f.target], f)
		}
	}
	return a
}

// compareFacts is the order of the timeline: derived time, height, hash.
func compareFacts(x, y *fact) int {
	return cmp.Or(cmp.Compare(x.place.TimeMS, y.place.TimeMS), cmp.Compare(x.place.Height, y.place.Height), x.hash.Compare(y.hash))
}

// read reads a body, and reports whether it means something. What f refers to comes before it.
func (a *account) read(f *fact, body []byte) bool {
	l, known := layouts[f.kind]
	if !known {
		return true // nothing of it is looked at
	}
	var keys map[uint64]any
	if crdt.DecodeBody(body, &keys) != nil {
		return false
	}
	ok := pick(keys, l.text, &f.text) && pick(keys, l.value, &f.value) && pick(keys, l.topic, &f.topic) &&
		pick(keys, l.kindOf, &f.kindOf) && pick(keys, l.on, &f.on) && pick(keys, l.mode, &f.mode) && pick(keys, l.was, &f.was) &&
		pick(keys, l.flag, &f.flag) && pick(keys, l.once, &f.once) && pick(keys, l.vital, &f.vital) &&
		pickHash(keys, l.target, &f.target) && pickHash(keys, l.which, &f.which) && pickHash(keys, l.given, &f.given)
	of := l.of
	if f.kind == board.KindSettle {
		switch board.Subject(f.mode) {
		case board.SubjectTask:
			of = board.KindTask
		case board.SubjectDecision:
			of = board.KindDecide
		case board.SubjectUpdate:
			of = board.KindUpdate
		}
	}
	if !ok || of == 0 || f.target.IsZero() && (f.kind == board.KindTitle || f.kind == board.KindUpdate) {
		return ok
	}
	t := a.at[f.target]
	fits := t != nil && (t.kind == of || of == board.KindOffer && t.kind == board.KindAccept)
	return fits && !t.inert && a.before(t, f)
}

// said reads what a record says by itself.
func said(rec *crdt.Record) fact {
	f := fact{hash: rec.Hash, kind: rec.Op.Kind}
	(&account{}).read(&f, rec.Body) // that what it refers to is not there does not matter
	return f
}

// pick reads the value of a key, if there is one, and reports whether it has the right type.
func pick[T any](keys map[uint64]any, key uint64, into *T) (ok bool) {
	v, there := keys[key]
	if key == 0 || !there {
		return true
	}
	*into, ok = v.(T)
	return ok
}

func pickHash(keys map[uint64]any, key uint64, into *crdt.Hash) bool {
	var b []byte
	ok := pick(keys, key, &b) && (b == nil || len(b) == len(into))
	if ok && b != nil {
		*into = crdt.Hash(b)
	}
	return ok
}

// before reports whether the author of y had seen x.
func (a *account) before(x, y *fact) bool { return a.graph.Before(x.hash, y.hash) }

// concurrent reports whether neither author had seen the other's operation.
func (a *account) concurrent(x, y *fact) bool { return x != y && !a.before(x, y) && !a.before(y, x) }

// heads returns those of facts, which are in order, on top of which nothing else in it was written.
func (a *account) heads(facts []*fact) []*fact {
	var out []*fact
	for i, x := range facts {
		if !slices.ContainsFunc(facts[i+1:], func(y *fact) bool { return a.before(x, y) }) {
			out = append(out, x)
		}
	}
	return out
}

// of returns the readable operations of some kinds, in order.
func (a *account) of(kinds ...crdt.Kind) []*fact {
	var out []*fact
	for _, k := range kinds {
		out = append(out, a.kinds[k]...)
	}
	slices.SortFunc(out, compareFacts)
	return out
}

// crossed reports whether two of facts knew nothing of each other.
func (a *account) crossed(facts []*fact) bool {
	return slices.ContainsFunc(facts, func(x *fact) bool { return a.crosses(x, facts) })
}

// crosses reports whether x and one of facts knew nothing of each other.
func (a *account) crosses(x *fact, facts []*fact) bool {
	return slices.ContainsFunc(facts, func(y *fact) bool { return a.concurrent(x, y) })
}
