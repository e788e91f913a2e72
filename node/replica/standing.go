package replica

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
)

// An author is a device that has written here, and what the team document says of it.
type author struct {
	person  auth.PersonID
	suspect bool      // not all that it wrote counts
	mark    crdt.Hash // changes with either, and with what counts of it
}

// author returns what is known of a device that writes. What it says holds until the call that is under way ends.
func (r *Replica) author(dev crdt.DeviceID) *author {
	a := r.authors[dev]
	if a == nil {
		a = r.inquire(dev)
		r.authors[dev] = a
	}
	return a
}

// inquire reads what the team document says of a device.
func (r *Replica) inquire(dev crdt.DeviceID) *author {
	m, _ := r.team.Member(dev)
	return &author{person: m.Person, suspect: r.team.Suspect(dev), mark: r.team.Mark(dev)}
}

// stands is what operations of incidents stand under: sets of team heads, each kept once however many operations cite it,
// as places in the order in which the team's operations came here.
type stands struct {
	ops  []crdt.Hash          // of the team, as they came
	at   map[crdt.Hash]uint32 // place in ops
	sets []string             // 4 bytes a head
	ids  map[string]uint32    // place in sets
	cuts map[uint64]struct{}  // starts of the operations that a removal names as the last that count
}

func newStands() stands {
	return stands{at: map[crdt.Hash]uint32{}, sets: []string{""}, ids: map[string]uint32{"": 0}, cuts: map[uint64]struct{}{}}
}

// add notes an operation of the team document.
func (s *stands) add(rec *crdt.Record) {
	s.at[rec.Hash] = uint32(len(s.ops))
	s.ops = append(s.ops, rec.Hash)
	var v auth.Remove
	if rec.Op.Kind != auth.KindRemove || crdt.DecodeBody(rec.Body, &v) != nil || v.Check() != nil {
		return
	}
	for _, h := range v.Cut {
		s.cuts[binary.BigEndian.Uint64(h[:])] = struct{}{}
	}
}

// cut reports whether an operation may be the last that counts of a log. That it is said of one that is not costs time.
func (s *stands) cut(h crdt.Hash) bool {
	_, ok := s.cuts[binary.BigEndian.Uint64(h[:])]
	return ok
}

// number returns the number of a set of team heads, all of which are here.
func (s *stands) number(heads []crdt.Hash) uint32 {
	var buf [4 * crdt.MaxTeamHeads]byte
	key := buf[:0]
	for _, h := range heads {
		key = binary.BigEndian.AppendUint32(key, s.at[h])
	}
	id, ok := s.ids[string(key)]
	if !ok {
		id = uint32(len(s.sets))
		s.sets = append(s.sets, string(key))
		s.ids[s.sets[id]] = id
	}
	return id
}

// heads returns the set with a number.
func (s *stands) heads(id uint32) []crdt.Hash {
	set := s.sets[id]
	out := make([]crdt.Hash, 0, len(set)/4)
	for ; len(set) > 0; set = set[4:] {
		out = append(out, s.ops[binary.BigEndian.Uint32([]byte(set[:4]))])
	}
	return out
}

// under returns what an operation stands under: the team heads it cites, or those of the one before it in its log.
func (r *Replica) under(d *document, op *crdt.Op) uint32 {
	switch {
	case len(op.Team) > 0:
		return r.stands.number(op.Team)
	case !op.Prev.IsZero():
		return d.board.Under(op.Prev)
	}
	return 0
}

// event returns a record as the board takes it in. Of a device under suspicion what counts is judged now; while a store is
// read, when it has all been read.
func (r *Replica) event(id crdt.DocID, d *document, rec *crdt.Record) board.Event {
	a := r.author(rec.Op.Dot.Device)
	ev := board.Event{
		Hash: rec.Hash, Dot: rec.Op.Dot, Person: a.person, WallMS: rec.Op.WallMS,
		Place: d.graph.Place(rec.Hash), Kind: rec.Op.Kind, Body: rec.Body, Erased: rec.Erased, Under: r.under(d, &rec.Op),
	}
	switch {
	case !a.suspect:
	case r.reading:
		ev.Standing, r.unjudged[id] = auth.Quarantined, true
	default:
		ev.Standing = r.judge(d, rec.Hash, rec.Op.Dot, ev.Under)
		if r.stands.cut(rec.Hash) { // what it is the end of may have come before it
			r.unjudged[id] = true
		}
	}
	return ev
}

// judge returns what an operation of a device under suspicion counts for.
func (r *Replica) judge(d *document, h crdt.Hash, dot crdt.Dot, under uint32) auth.Standing {
	claim := auth.Claim{Hash: h, Device: dot.Device, Team: r.stands.heads(under)}
	return r.team.Judge(claim, func(op, tip crdt.Hash) bool {
		return op == tip || d.graph.Has(tip) && d.graph.Before(op, tip) && d.graph.Dot(op).Log() == d.graph.Dot(tip).Log()
	})
}

// Judged says that operations of one device count for something else than before, or are another person's, because of
// what is known of the team now.
type Judged struct {
	Doc        crdt.DocID
	Device     crdt.DeviceID
	Operations int
}

// settle makes every board agree with the team document, once for each call from outside, however much the call brought.
// It also turns away the peers that are not admitted any more, and listens again to those that are.
func (r *Replica) settle(now time.Time) {
	if r.teamGrew {
		r.teamGrew = false
		changed := map[crdt.DeviceID]bool{}
		for dev, a := range r.authors { // any order: they do not affect each other
			if fresh := r.inquire(dev); *fresh != *a {
				r.authors[dev], changed[dev] = fresh, true
			}
		}
		if len(changed) > 0 {
			for _, id := range r.order {
				d := r.docs[id]
				if d.board != nil && wroteIn(d.graph, changed) {
					r.unjudged[id] = true
				}
			}
		}
		for _, dev := range r.peerOrder() {
			switch p, in := r.peers[dev], r.admitted(dev); {
			case p.up && !in:
				p.up = false
				p.reset(time.Time{})
			case p.link && !p.up && in:
				r.PeerUp(now, dev)
			}
		}
	}
	if len(r.unjudged) == 0 {
		return
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.unjudged), crdt.DocID.Compare) {
		r.rejudge(id, r.docs[id])
	}
	clear(r.unjudged)
}

// wroteIn reports whether one of devices has written in a document.
func wroteIn(g *crdt.Graph, devices map[crdt.DeviceID]bool) bool {
	return slices.ContainsFunc(g.Frontier(), func(t crdt.Tip) bool { return devices[t.Log.Device] })
}

// rejudge rules anew about everything in an incident. What a redaction took away that does not count now is looked for: in
// the store, which still has it when the erasure was not done yet, then at the peers.
func (r *Replica) rejudge(id crdt.DocID, d *document) {
	j := d.board.Judge(func(x board.Ruled) board.Ruling {
		a := r.author(x.Dot.Device)
		if !a.suspect {
			return board.Ruling{Person: a.person}
		}
		return board.Ruling{Person: a.person, Standing: r.judge(d, x.Hash, x.Dot, x.Under)}
	}, func(ops []crdt.Hash) [][]byte {
		out := make([][]byte, len(ops))
		for i, rec := range r.read(id, ops) {
			if !rec.Erased {
				out[i] = rec.Body
			}
		}
		return out
	})
	r.out.Erase = slices.DeleteFunc(r.out.Erase, func(e Erase) bool { return e.Doc == id && !d.board.Redacted(e.Hash) })
	r.erase(id, d, []board.Change{{Erase: j.Erase}})
	for _, h := range j.Withheld {
		r.miss(d, h)
	}
	by := map[crdt.DeviceID]int{}
	for _, h := range j.Changed {
		by[d.graph.Dot(h).Device]++
	}
	for _, dev := range slices.SortedFunc(maps.Keys(by), crdt.DeviceID.Compare) {
		r.out.Judged = append(r.out.Judged, Judged{Doc: id, Device: dev, Operations: by[dev]})
	}
	r.stats.Judged += len(j.Changed)
}

// admitted reports whether what dev sends is listened to. A device that is not known is the caller's to judge, who has the
// proof that it belongs to the team.
func (r *Replica) admitted(dev crdt.DeviceID) bool {
	if _, ok := r.team.Member(dev); !ok {
		if _, relays := r.team.RelayOf(dev); !relays {
			return true
		}
	}
	return r.team.Admitted(dev)
}

// trusted reports whether what a device writes is a sign of life of its person: what a removed one writes may be
// somebody else's.
func trusted(m *auth.Member) bool { return m.Removed == 0 && !m.Barred }

// mayWrite says in words why this device may not write in an incident; nil: it may.
func (r *Replica) mayWrite() error {
	me, ok := r.team.Member(r.self)
	say := func(hint, message string) error {
		return &board.Problem{Code: board.CodeRefused, Message: message, Hint: hint}
	}
	why := ""
	if me.Reason != "" {
		why = ": " + me.Reason
	}
	by := r.team.Handle(me.RemovedBy)
	switch {
	case !ok:
		return errors.New("replica: this device is not of the team")
	case me.Removed == auth.ModeSuspend:
		return say("call them, or a steward: muster reinstate, on their laptop, lifts it", "this device was suspended by "+by+why)
	case me.Removed != 0:
		return say("if that is wrong, call a steward or two responders: muster reinstate, on theirs, undoes it",
			"this device was removed from the team by "+by+why)
	case me.Barred:
		return say("call any responder: muster confirm @"+r.team.Handle(me.Person)+", on their laptop, lets this one in",
			"the invitation this device joined by lets nobody in any more")
	case me.Role < auth.RoleResponder && me.Unconfirmed:
		return say("call any responder: muster confirm @"+r.team.Handle(me.Person)+", on their laptop, makes it count",
			"the invitation this device joined by was used up: until somebody confirms it, it may read and not write")
	case me.Role < auth.RoleResponder:
		return say("a steward, or two responders, can change that", "you are an observer here: observers read and do not write")
	}
	return nil
}
