package board

import "slices"

// An offer is a handoff and its answers, or the standing offer back that the acceptance of a break makes: whoever commanded
// during the break hands command back as soon as the other says "I have it", and not before. Nothing but the acceptance
// itself makes that offer, so that both sides of a split know the same one.
type offer struct {
	op      *op // the offer, or the acceptance of a break
	by, to  PersonID
	reason  string
	forMS   int64   // a break, or what is offered back after one: of that length
	lapseMS int64   // how long its author means it to stand; 0: no end
	terms   []*term // the author's live terms, as the author saw them

	isBack bool
	back   *offer // of a break that was accepted

	accepts   []*op // those that took effect
	declines  []*op
	withdrawn []*op
	confirms  []*op // by the author: has seen the acceptance
}

// open reports whether the offer waits for an answer.
func (of *offer) open() bool { return len(of.accepts)+len(of.declines)+len(of.withdrawn) == 0 }

// lapsed reports whether the offer has stood longer than its author meant it to, and for how long, in milliseconds. It is a
// hint: nothing lapses in the fold, and an acceptance that was written counts. The time is the derived one of the offer,
// so that a slow clock of its author does not make it lapse at once.
func (of *offer) lapsed(nowMS int64) (agoMS int64, is bool) {
	if of.lapseMS <= 0 {
		return 0, false
	}
	ago := nowMS - of.op.place.TimeMS - of.lapseMS
	return max(ago, 0), ago > 0
}

// dueMS returns when what is offered back was to be taken back: the time of the acceptance and the length of the break.
func (of *offer) dueMS() int64 {
	if !of.isBack {
		return 0
	}
	return of.op.wallMS + of.forMS
}

// waits reports whether an offer can still be accepted: it is unanswered, and its author commands or nobody does.
func (b *Board) waits(f *commandFold, of *offer) bool {
	return of.open() && (len(f.live) == 0 || slices.ContainsFunc(of.terms, func(t *term) bool { return slices.Contains(f.live, t) }))
}

// stepOffer adds an offer, or an answer to one.
func (b *Board) stepOffer(f *commandFold, o *op) {
	switch v := o.body.(type) {
	case *offerBody:
		of := &offer{op: o, by: o.person, to: v.To, reason: v.Reason, forMS: v.ForMS, lapseMS: v.LapseMS}
		for _, t := range b.seenLive(f, o) {
			if t.holder == o.person {
				of.terms = append(of.terms, t)
			}
		}
		if len(of.terms) > 0 {
			f.made[o.hash] = of
			f.offers = append(f.offers, of)
		}
	case *withdrawBody:
		if of := f.made[v.Offer]; of != nil && of.by == o.person {
			of.withdrawn = append(of.withdrawn, o)
		}
	case *declineBody:
		if of := f.made[v.Offer]; of != nil && of.to == o.person {
			of.declines = append(of.declines, o)
		}
	case *acceptBody:
		if of := f.made[v.Offer]; of != nil && of.to == o.person {
			b.accept(f, of, o, v)
		}
	case *confirmBody:
		if of := f.accepted[v.Accept]; of != nil && of.by == o.person {
			of.confirms = append(of.confirms, o)
		}
	}
}

// accept applies an acceptance, unless its author knew that the offer was gone.
func (b *Board) accept(f *commandFold, of *offer, o *op, v *acceptBody) {
	seen := func(x *op) bool { return b.before(x, o) }
	if slices.ContainsFunc(of.withdrawn, seen) || slices.ContainsFunc(of.declines, seen) {
		return
	}
	stillTheirs := slices.ContainsFunc(of.terms, func(t *term) bool { return b.before(t.op, o) && b.liveAt(t, o) })
	if !stillTheirs && len(b.seenLive(f, o)) > 0 {
		return // somebody else commands by now, and the author knew
	}
	of.accepts = append(of.accepts, o)
	f.accepted[o.hash] = of
	for _, t := range of.terms {
		if b.before(t.op, o) {
			b.end(t, o)
		}
	}
	t := &term{op: o, holder: o.person, basis: BasisAccept, reason: v.ReadBack, offer: of}
	b.openTerm(f, t)
	if of.forMS <= 0 || of.isBack {
		return
	}
	if of.back == nil { // accepted on two devices: one offer back all the same
		of.back = &offer{op: o, by: o.person, to: of.by, reason: of.reason, forMS: of.forMS, isBack: true}
		f.offers = append(f.offers, of.back)
	}
	of.back.terms = append(of.back.terms, t)
	f.made[o.hash] = of.back
}

// laidDown reports whether the author of an accepted offer laid command down, neither they nor who accepted seeing the other.
func (b *Board) laidDown(of *offer) bool {
	return slices.ContainsFunc(b.command.list(), func(o *op) bool {
		return o.kind == KindRelease && o.person == of.by && b.before(of.op, o) && b.concurrent(o, of.accepts[0])
	})
}

// unseen reports whether t began with an acceptance that nothing shows the one who handed over to have seen: the third step
// of a handover, "you have it", is missing.
func (b *Board) unseen(t *term) bool {
	return t.offer != nil && !b.knows(t.offer.by, t.op)
}

// confirmed returns when the one who handed t over confirmed that; 0: they did not.
func (b *Board) confirmed(t *term) int64 {
	if t.offer != nil {
		for _, c := range t.offer.confirms {
			if c.body.(*confirmBody).Accept == t.op.hash {
				return c.wallMS
			}
		}
	}
	return 0
}
