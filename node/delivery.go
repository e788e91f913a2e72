package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/auth"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/replica"
)

// Delivery truth: whose nodes hold an order, and for those who do not, when and through whom they were last heard and what
// number to call. It is all overlay: none of it is on the board.

// await lets w wait for the delivery of an operation, if there is room.
func (s *session) await(w *waiter, doc crdt.DocID, op crdt.Hash) {
	w.doc, w.op = doc, op
	if len(s.waiters) < waitersMax {
		s.waiters = append(s.waiters, w)
	}
}

// awaitDelivery waits, at most [deliveryWait], for the peers that can be reached to say that they hold what w waits for,
// and returns who does.
func (s *session) awaitDelivery(ctx context.Context, w *waiter) api.Delivery {
	wait := time.NewTimer(deliveryWait)
	defer wait.Stop()
	select {
	case <-w.done:
	case <-wait.C:
	case <-ctx.Done():
	}
	var out api.Delivery
	err := s.do(ctx, func(now time.Time) error {
		s.waiters = slices.DeleteFunc(s.waiters, func(o *waiter) bool { return o == w })
		out = s.delivery(now, w.doc, w.op, nil)
		return nil
	})
	if err != nil { // it is on disk; who has it cannot be said any more
		return api.Delivery{}
	}
	return out
}

// delivery says whose nodes hold an operation. Only persons in among count; nil: everyone.
func (s *session) delivery(now time.Time, doc crdt.DocID, op crdt.Hash, among []auth.PersonID) api.Delivery {
	me := s.me().Person
	held := map[auth.PersonID]bool{}
	for _, m := range s.admitted() {
		if m.Person != me && (among == nil || slices.Contains(among, m.Person)) {
			held[m.Person] = held[m.Person] || s.r.Holds(m.Device, doc, op) || s.r.Knew(m.Device, doc, op)
		}
	}
	out := api.Delivery{Known: len(held)}
	for _, id := range s.r.Team().All() {
		switch has, counts := held[id]; {
		case !counts:
		case has:
			out.Delivered++
			out.DeliveredTo = append(out.DeliveredTo, s.r.Team().Handle(id))
		default:
			out.Missing = append(out.Missing, s.missing(now, id))
		}
	}
	slices.SortStableFunc(out.Missing, func(a, b api.Missing) int {
		if a.Never != b.Never {
			return map[bool]int{false: -1, true: 1}[a.Never]
		}
		return cmp.Compare(a.HeardMS, b.HeardMS)
	})
	return out
}

// missing says of a person when and through whom they were last heard, and what number to call.
func (s *session) missing(now time.Time, p auth.PersonID) api.Missing {
	out := api.Missing{Responder: s.r.Team().Handle(p), Phones: s.r.Team().Profile(p).Phones}
	out.HeardMS, out.Via, out.Never = s.lastSign(now, s.r.Presence(p))
	return out
}

// orderDelivery says how far an order has come with those who have it now: whose nodes hold it, and who has answered. It
// is nil when nobody has it, or it is over.
func (s *session) orderDelivery(now time.Time, doc crdt.DocID, t *board.Task) *api.Delivery {
	if len(t.Owners) == 0 || t.State == "done" || t.State == "cancelled" {
		return nil
	}
	out := &api.Delivery{}
	for _, owner := range t.Owners {
		if !slices.ContainsFunc(t.Waiting, func(w board.Waiting) bool { return w.Handle == owner }) {
			out.Acknowledged = append(out.Acknowledged, owner)
		}
	}
	for _, w := range t.Waiting { // the answer is awaited: has the order reached anyone?
		if _, gone := s.r.RemovedSince(w.Person); gone {
			continue // it need not reach them any more
		}
		d := s.delivery(now, doc, w.Op, []auth.PersonID{w.Person})
		out.Known += d.Known
		out.Delivered += d.Delivered
		out.Missing = append(out.Missing, d.Missing...)
		out.DeliveredTo = append(out.DeliveredTo, d.DeliveredTo...)
	}
	return out
}

// lastSign says how long ago somebody was heard and who brought that word; empty: they themselves.
func (s *session) lastSign(now time.Time, p replica.Presence) (heardMS int64, via string, never bool) {
	at, dev := p.Last(now)
	if at.IsZero() {
		return 0, "", true
	}
	if m, ok := s.r.Team().Member(dev); ok {
		via = m.Handle
	} else if owner, ok := s.relayOwner(dev); ok {
		via = relayName(owner)
	}
	return max(now.Sub(at).Milliseconds(), 0), via, false
}

// responder says who somebody is and whether they are there.
func (s *session) responder(now time.Time, p auth.PersonID) api.Responder {
	seen, said := s.r.Presence(p), s.r.Team().Profile(p)
	out := api.Responder{
		Handle: s.r.Team().Handle(p), Reachable: seen.Reachable, Name: said.Name, Callsign: said.Callsign, Phones: said.Phones,
	}
	if !seen.Reachable {
		out.HeardMS, out.Via, out.Never = s.lastSign(now, seen)
	}
	return out
}

// roundabout adds what is known of a peer from others.
func (s *session) roundabout(now time.Time, p *api.Peer, person auth.PersonID, seen replica.Presence) {
	p.Phones = s.r.Team().Profile(person).Phones
	if seen.Reachable {
		return
	}
	if ms, via, _ := s.lastSign(now, seen); via != "" {
		p.WordMS, p.Via = ms, via
	}
}

// alone returns how long nobody has been reachable, at least a millisecond, and zero while somebody is or there is nobody
// else in the team. Before anybody was heard it is as long as the node has been running.
func (s *session) alone(now time.Time) int64 {
	since, others := now.Add(-time.Since(s.n.start)), false
	for _, m := range s.admitted() {
		if m.Person == s.me().Person {
			continue
		}
		others = true
		seen := s.r.PeerPresence(m.Device)
		if seen.Reachable {
			return 0
		}
		if seen.Heard.After(since) {
			since = seen.Heard
		}
	}
	if !others {
		return 0
	}
	return max(now.Sub(since).Milliseconds(), 1)
}

// orders reports whether those whom a verb names are to do something about it.
func orders(verb string) bool {
	switch verb {
	case "do", "assign", "page", "handoff", "break", "role":
		return true
	}
	return false
}

// address notes whom a write is addressed to, and for one who is to be called what number.
func (s *session) address(out *api.Receipt, in api.Write) {
	if in.Withdraw || !orders(in.Verb) {
		return
	}
	for _, who := range in.Who {
		who = strings.TrimPrefix(who, "@")
		p, ok := s.r.Team().Person(who)
		if !ok || p == s.me().Person {
			continue
		}
		out.To = append(out.To, who)
		if in.Verb != "page" {
			continue
		}
		if phones := s.r.Team().Profile(p).Phones; len(phones) == 0 {
			out.Notes = append(out.Notes, who+" has not said a phone number (muster profile --phone)")
		} else if s.r.Presence(p).Reachable { // of others the number comes with the news that they have not got it
			out.Notes = append(out.Notes, "call "+who+": "+strings.Join(phones, ", "))
		}
	}
}
