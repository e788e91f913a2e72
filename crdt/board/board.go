package board

import (
	"cmp"
	"slices"

	"muster/crdt"
	"muster/crdt/auth"
)

// An Event is an operation as the board needs it: the header's facts, its place in the causal order, and its body.
type Event struct {
	Hash   crdt.Hash
	Dot    crdt.Dot
	Person PersonID // who the device belongs to
	WallMS int64
	Place  crdt.Place
	Kind   crdt.Kind
	Body   []byte // not kept
	Erased bool   // the body was redacted, or never came

	Standing auth.Standing // whether it counts; [Board.Judge] changes that
	Under    uint32        // what of the team document it stands under, in the caller's own numbers: [Board.Judge] gives it back
}

// Causal is the causal order of the document; *crdt.Graph is one. It must hold an operation before the board is given it.
type Causal interface {
	Before(a, b crdt.Hash) bool
}

// A Change says what an applied operation altered.
type Change struct {
	Op    crdt.Hash
	Kind  crdt.Kind
	About crdt.Hash   // the task, note, decision, hypothesis or offer; zero: the incident
	Erase []crdt.Hash // operations whose bodies must be erased now, wherever they are kept
}

// A Board is the fold of one incident. It is not safe for concurrent use; reading it fills caches.
type Board struct {
	doc    crdt.DocID
	causal Causal
	ops    map[crdt.Hash]*op
	all    bag
	found  *op // the founding operation

	authors map[author]*author // itself -> the one that operations share

	titles, severities, statuses, services, sames bag
	roles                                         map[string]*bag // role -> who got it
	command                                       bag
	orders                                        map[PersonID]*bag // person -> tasks they gave to others
	acts                                          map[PersonID]*bag // person -> what only a commander does
	escalations                                   bag               // see escalates
	work                                          bag               // tasks made, claimed or done: contest a declined incident
	checkIns, leaving, rollCalls, pages, thanks   bag
	settles                                       bag
	sitreps                                       map[string]*bag       // field -> who wrote it
	resources                                     map[string]*resource  // by resourceKey
	updates, updateOf                             map[crdt.Hash]*update // by draft; by draft or revision
	audiences                                     map[string]*audience
	updateList                                    bag
	runs, runOf                                   map[crdt.Hash]*run // by runID; by an operation that started it
	topics                                        map[string]*bag    // topic, normalized -> decisions and settlements
	tasks                                         map[crdt.Hash]*task
	notes                                         map[crdt.Hash]*note // those of which something more was said; see note
	decisions                                     map[crdt.Hash]*decision
	theories                                      map[crdt.Hash]*theory
	taskList, noteList, decisionList, theoryList  bag
	labelling                                     bag
	criteria                                      map[crdt.Hash]*criterion
	criterionList                                 bag
	revisions, redactions                         bag               // of notes: erased ones too
	wrote                                         map[PersonID]*bag // all operations of a person
	unknown                                       int
	aside                                         bag // what does not count
	asideIDs                                      idIndex
	shades                                        map[crdt.Hash]*shade    // by the note
	lost                                          map[crdt.Hash]crdt.Hash // revision that was erased here -> its note

	ids       [RefNone]idIndex
	commandAt *commandFold
	statusAt  *statusFold

	kin []*Board // the others of its group, while a Group works with it
}

// New returns the empty board of doc.
func New(doc crdt.DocID, c Causal) *Board {
	return &Board{
		doc: doc, causal: c,
		ops:       map[crdt.Hash]*op{},
		authors:   map[author]*author{},
		roles:     map[string]*bag{},
		orders:    map[PersonID]*bag{},
		acts:      map[PersonID]*bag{},
		topics:    map[string]*bag{},
		tasks:     map[crdt.Hash]*task{},
		notes:     map[crdt.Hash]*note{},
		decisions: map[crdt.Hash]*decision{},
		theories:  map[crdt.Hash]*theory{},
		sitreps:   map[string]*bag{},
		resources: map[string]*resource{},
		updates:   map[crdt.Hash]*update{},
		updateOf:  map[crdt.Hash]*update{},
		audiences: map[string]*audience{},
		runs:      map[crdt.Hash]*run{},
		runOf:     map[crdt.Hash]*run{},
		criteria:  map[crdt.Hash]*criterion{},
		wrote:     map[PersonID]*bag{},
	}
}

// Doc returns the document's name.
func (b *Board) Doc() crdt.DocID { return b.doc }

// Len returns the number of operations applied.
func (b *Board) Len() int { return len(b.ops) }

// op is what the board keeps of an operation.
type op struct {
	*author
	hash   crdt.Hash
	seq    uint64 // in the author's log
	wallMS int64
	place  crdt.Place
	kind   crdt.Kind
	body   any  // pointer to a body struct; nil: unknown or erased
	erased bool // the body is gone
	redact bool // for good
	inert  bool // refers to what is not in its past, or is not what it should be, or does not count

	standing auth.Standing
	under    uint32
}

// author is a log and whose it is, once for all operations in it.
type author struct {
	log    crdt.LogID
	person PersonID // who the device belongs to
}

// authorOf returns the author of operations in a log of somebody's. It is shared, and never changes: an operation that
// becomes another person's gets another author.
func (b *Board) authorOf(log crdt.LogID, p PersonID) *author {
	a := author{log, p}
	if b.authors[a] == nil {
		b.authors[a] = &a
	}
	return b.authors[a]
}

// dot returns the operation's place.
func (o *op) dot() crdt.Dot { return crdt.Dot{Device: o.log.Device, Epoch: o.log.Epoch, Seq: o.seq} }

// compareOps is the canonical order: derived time, height, hash. It agrees with causality.
func compareOps(a, b *op) int {
	return cmp.Or(cmp.Compare(a.place.TimeMS, b.place.TimeMS), cmp.Compare(a.place.Height, b.place.Height), a.hash.Compare(b.hash))
}

// before reports whether a was in the past of o's author.
func (b *Board) before(a, o *op) bool { return b.causal.Before(a.hash, o.hash) }

// concurrent reports whether neither author had seen the other's operation.
func (b *Board) concurrent(a, o *op) bool { return a != o && !b.before(a, o) && !b.before(o, a) }

// bag is a set of operations, sorted when it is read.
type bag struct {
	ops    []*op
	sorted int // length of the sorted start
}

func (g *bag) add(o *op) { g.ops = append(g.ops, o) }

// list returns the operations in canonical order. The caller must not change it.
func (g *bag) list() []*op {
	if g == nil {
		return nil
	}
	for g.sorted < len(g.ops) && (g.sorted == 0 || compareOps(g.ops[g.sorted-1], g.ops[g.sorted]) < 0) {
		g.sorted++
	}
	if g.sorted < len(g.ops) {
		slices.SortFunc(g.ops, compareOps)
		g.sorted = len(g.ops)
	}
	return g.ops
}

// bagOf returns the bag of k, which it makes when there is none.
func bagOf[K comparable](m map[K]*bag, k K) *bag {
	if m[k] == nil {
		m[k] = &bag{}
	}
	return m[k]
}

// Apply adds an operation. Operations come after their causal past, otherwise in any order; one that came before is
// ignored, unless its body is what is new or gone. It never fails: what it cannot read it counts and lists.
func (b *Board) Apply(ev Event) []Change {
	o := b.ops[ev.Hash]
	switch {
	case o == nil:
		o = &op{
			hash: ev.Hash, author: b.authorOf(ev.Dot.Log(), ev.Person), seq: ev.Dot.Seq, wallMS: ev.WallMS, place: ev.Place, kind: ev.Kind, erased: ev.Erased,
			standing: ev.Standing, under: ev.Under,
		}
		b.ops[ev.Hash] = o
		b.all.add(o)
	case o.redact && !ev.Erased:
		return []Change{{Op: o.hash, Kind: o.kind, Erase: []crdt.Hash{o.hash}}}
	case !o.redact && o.erased && !ev.Erased:
		o.erased = false // the body came after all
		b.read(o, ev.Body)
		return b.refile(o)
	default:
		return nil
	}
	b.read(o, ev.Body)
	return b.place(o)
}

// Withheld reports whether an operation was applied without its body and no redaction that is known here names it.
func (b *Board) Withheld(h crdt.Hash) bool {
	o := b.ops[h]
	return o != nil && o.erased && !o.redact && o.kind != crdt.KindWeave
}

// read decodes what o says, unless that is gone.
func (b *Board) read(o *op, raw []byte) {
	if o.erased || o.kind == crdt.KindWeave {
		return
	}
	body, err := decodeBody(o.kind, raw)
	if err == nil {
		o.body = body
	} else if o.counts() {
		b.unknown++
	}
}

// refile files everything anew, because what the late body of o says may change what those after it were about. It
// returns what that did to o, with all that must be erased now.
func (b *Board) refile(o *op) []Change {
	var out []Change
	erase := b.fileAll(func(x *op, changes []Change) {
		if x == o {
			out = changes
		}
	})
	out[0].Erase = erase
	return out
}

// place files o with what it is about.
func (b *Board) place(o *op) []Change {
	ch := Change{Op: o.hash, Kind: o.kind}
	if !o.counts() {
		o.inert = true
		ch.Erase = b.setAside(o)
		return []Change{ch}
	}
	b.remember(o)
	if h, kind, ok := targetOf(o.body); ok {
		t := b.ops[h]
		if t == nil || !suits(t, kind) || t.inert || !b.before(t, o) {
			o.inert = true
			if t != nil && suits(t, kind) && !t.counts() && b.before(t, o) {
				ch.Erase = b.aboutAside(t, o)
			}
			return []Change{ch}
		}
		ch.About = h
	}
	ch.Erase = b.file(o)
	return []Change{ch}
}

// suits reports whether t is what an operation can be about that is about something of a kind.
func suits(t *op, kind crdt.Kind) bool {
	return t.kind == kind || kind == KindOffer && t.kind == KindAccept
}

// headsOf returns the writes that no other write in ops has replaced, in canonical order.
func (b *Board) headsOf(ops []*op) []*op {
	var r crdt.Register[*op]
	for _, o := range ops {
		r.Add(b.causal.Before, o.hash, o)
	}
	return b.headOps(&r)
}

// headOps returns a register's heads in canonical order.
func (b *Board) headOps(r *crdt.Register[*op]) []*op {
	out := make([]*op, 0, len(r.Heads()))
	for _, h := range r.Heads() {
		out = append(out, h.Value)
	}
	slices.SortFunc(out, compareOps)
	return out
}
