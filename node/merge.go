package node

import (
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/replica"
)

// A node that was apart notes, for each incident, what it held before the others' operations came and after. The report
// on what that changed is computed from those two sets when somebody asks for it, so that it says what is settled since.
const (
	mergesKept  = 4                // of one incident
	mergedDocs  = 256              // incidents with merges or numbered conflicts, as many as are written to disk
	mergeHeads  = 256              // operations that nothing held had seen; a set with more is not kept
	mergePause  = time.Minute      // merges that follow each other faster are one
	mergeWrites = time.Second      // between writes of the file, at least
	judgeFree   = 5000             // operations of an incident, up to which a merge is looked at whenever it grew; see mayJudge
	judgeMost   = 100_000          // and at all, unless somebody asks
	clockWarns  = int64(60 * 1000) // milliseconds a clock is off before a report mentions it
	apartWarns  = time.Minute      // apart, from which on a report is pointed to although nothing collided
)

// A merging is one merge of one incident, as this node noticed it.
type merging struct {
	before, after []crdt.Hash // heads of what was held
	at, last      time.Time   // first and last operation that came
	since         time.Time   // when those who brought them were last heard before; zero: not known
	beside        []board.PersonID
	seen          bool

	judged, notable bool          // of after: whether it was looked at, and is worth pointing to
	judgedAt        time.Time     // when it was looked at last
	apart           time.Duration // as judged
}

// mergeLog is what a session knows about merges. It belongs to the loop.
type mergeLog struct {
	of      map[crdt.DocID][]*merging // the latest last
	fresh   map[crdt.DocID]time.Time  // incidents that are arriving whole -> when something of theirs came last
	arrived map[crdt.DocID]time.Time  // incidents that came whole, from somebody who had been away, since the session began -> when
	numbers map[crdt.DocID]*numbering
	synced  map[crdt.DeviceID]bool      // connected devices that have been in step with us
	waiting map[crdt.DeviceID]bool      // connected devices that have not been
	lost    map[crdt.DeviceID]time.Time // devices that were connected -> when they were last heard then
	files   chan []byte                 // to be written; the latest counts
}

func newMergeLog() mergeLog {
	return mergeLog{
		of: map[crdt.DocID][]*merging{}, fresh: map[crdt.DocID]time.Time{}, arrived: map[crdt.DocID]time.Time{}, numbers: map[crdt.DocID]*numbering{},
		synced: map[crdt.DeviceID]bool{}, waiting: map[crdt.DeviceID]bool{}, lost: map[crdt.DeviceID]time.Time{},
		files: make(chan []byte, 1),
	}
}

// up notes that a device is connected.
func (l *mergeLog) up(d crdt.DeviceID) {
	delete(l.synced, d)
	l.waiting[d] = true
}

// down notes that it no longer is, and when it was last heard.
func (l *mergeLog) down(d crdt.DeviceID, heard time.Time) {
	delete(l.synced, d)
	delete(l.waiting, d)
	if !heard.IsZero() {
		l.lost[d] = heard
	}
}

// noteSynced notes who has come to be in step with us.
func (s *session) noteSynced() {
	for d := range s.merges.waiting { // any order: they do not affect each other
		if s.r.Synced(d) {
			delete(s.merges.waiting, d)
			s.merges.synced[d] = true
		}
	}
	for doc := range s.merges.fresh { // what is new as a whole has arrived once we are in step with anybody
		for d := range s.members.Load().in { // any order: one is enough
			if d != s.r.Device() && s.r.Reachable(d) && s.r.Synced(d) {
				delete(s.merges.fresh, doc)
			}
		}
	}
}

// beside reports whether a device is connected and was in step with us before what is just being looked at: what is new
// of it did not come by a merge.
func (s *session) beside(d crdt.DeviceID) bool { return s.merges.synced[d] && s.r.Reachable(d) }

// noteMerges looks at what is new for what came by a merge.
func (s *session) noteMerges(now time.Time, changes []replica.Change) {
	byDoc := map[crdt.DocID][]replica.Change{}
	for _, c := range changes {
		if !c.Team {
			byDoc[c.Doc] = append(byDoc[c.Doc], c)
		}
	}
	noted := false
	for doc, new := range byDoc { // any order: they do not affect each other
		if s.noteMerge(now, doc, new) {
			noted = true
		}
	}
	if noted {
		s.keepMerges()
	}
}

// noteMerge does so for one incident. It reports whether there is something to write down.
func (s *session) noteMerge(now time.Time, doc crdt.DocID, changes []replica.Change) bool {
	var others []crdt.DeviceID
	for _, c := range changes {
		if c.Merged && c.Device != s.r.Device() && !s.beside(c.Device) && !slices.Contains(others, c.Device) {
			others = append(others, c.Device)
		}
	}
	g, l := s.r.Graph(doc), &s.merges
	if len(others) == 0 || g == nil {
		return false
	}
	if at, ok := l.fresh[doc]; g.Len() == len(changes) || ok && now.Sub(at) < mergePause {
		if !ok && len(l.arrived) < mergedDocs {
			l.arrived[doc] = now
		}
		l.fresh[doc] = now // it is arriving for the first time: there was nothing to merge it with
		return false
	}
	delete(l.fresh, doc)
	heads := g.Heads()
	if len(heads) > mergeHeads {
		return false
	}
	if m := s.lastMerge(doc); m != nil && now.Sub(m.last) < mergePause {
		m.after, m.last, m.seen, m.judged = heads, now, false, false
		m.since = later(m.since, l.lastHeard(others))
		return true
	}
	before := headsWithout(g, s.r.Board(doc), changes)
	if len(before) > mergeHeads || len(l.of) == mergedDocs && l.of[doc] == nil {
		return false
	}
	m := &merging{before: before, after: heads, at: now, last: now, since: l.lastHeard(others)}
	for _, member := range s.r.Team().Members() {
		if s.beside(member.Device) && !slices.Contains(m.beside, member.Person) {
			m.beside = append(m.beside, member.Person)
		}
	}
	l.of[doc] = append(l.of[doc], m)
	l.of[doc] = l.of[doc][max(0, len(l.of[doc])-mergesKept):]
	return true
}

// headsWithout returns the heads of what was held before changes.
func headsWithout(g *crdt.Graph, b *board.Board, changes []replica.Change) []crdt.Hash {
	came := map[crdt.Hash]bool{}
	for _, c := range changes {
		came[c.Hash] = true
	}
	return b.Heads(func(h crdt.Hash) bool { return !came[h] })
}

// lastHeard returns when the latest heard of some devices was heard before they were lost; zero when none was.
func (l *mergeLog) lastHeard(devices []crdt.DeviceID) (at time.Time) {
	for _, d := range devices {
		at = later(at, l.lost[d])
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lastMerge returns the last merge of an incident; nil when there was none, or what it refers to is not held any more
// because a store was damaged.
func (s *session) lastMerge(doc crdt.DocID) *merging {
	all, g := s.merges.of[doc], s.r.Graph(doc)
	if len(all) == 0 {
		return nil
	}
	m := all[len(all)-1]
	lost := func(h crdt.Hash) bool { return !g.Has(h) }
	if slices.ContainsFunc(m.before, lost) || slices.ContainsFunc(m.after, lost) {
		return nil
	}
	return m
}

// A mergedDoc is one of the incidents that a merge changed.
type mergedDoc struct {
	doc crdt.DocID
	*merging
}

// lastMerges returns the last merge of an outage: of each of its incidents that it changed, the one that began last first.
func (s *session) lastMerges(doc crdt.DocID) []mergedDoc {
	var out []mergedDoc
	for _, d := range s.group(doc).Docs() {
		if m := s.lastMerge(d); m != nil {
			out = append(out, mergedDoc{d, m})
		}
	}
	slices.SortStableFunc(out, func(a, b mergedDoc) int { return b.at.Compare(a.at) })
	return slices.DeleteFunc(out, func(m mergedDoc) bool { return out[0].at.Sub(m.last) >= mergePause })
}
