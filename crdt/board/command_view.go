package board

import (
	"slices"
	"strings"

	"muster/crdt"
)

func (r reader) commandView(nowMS int64) Command {
	f := r.foldCommand()
	var c Command
	for _, t := range f.live {
		v := Term{
			Holder: r.who(t.holder), HolderID: t.holder, Basis: t.basis, Acting: actingNow(f, t), SinceMS: t.since.wallMS,
			Reason: t.reason, Orders: r.ordersIn(t), Losers: r.losers(f, t), Op: t.op.hash,
		}
		v.Unconfirmed = len(v.Losers) > 0
		if t.offer != nil {
			v.From, v.Pending, v.ConfirmedMS = r.who(t.offer.by), r.unseen(t), r.confirmed(t)
		}
		c.Terms = append(c.Terms, v)
	}
	if len(f.live) > 0 {
		c.Commander, c.CommanderID, c.SinceMS = c.Terms[0].Holder, f.live[0].holder, f.live[0].since.wallMS
	}
	for i, of := range f.offers {
		if !r.waits(f, of) {
			continue
		}
		_, lapsed := of.lapsed(nowMS)
		if lapsed && slices.ContainsFunc(f.offers[i+1:], func(o *offer) bool { return o.by == of.by && !o.isBack && r.before(of.op, o.op) }) {
			continue // its author has gone on to another
		}
		v := Offer{
			Op: of.op.hash, From: r.who(of.by), FromID: of.by, To: r.who(of.to), ToID: of.to, Reason: of.reason,
			ForMS: of.forMS, AtMS: of.op.wallMS, Lapsed: lapsed, Back: of.isBack, DueMS: of.dueMS(),
		}
		if of.lapseMS > 0 {
			v.LapsesMS = of.op.place.TimeMS + of.lapseMS
		}
		v.Due = of.isBack && nowMS > v.DueMS
		c.Offers = append(c.Offers, v)
	}
	for _, o := range f.requests {
		c.Requests = append(c.Requests, Value{Value: o.body.(*takeBody).Reason, By: r.who(o.person), AtMS: o.wallMS})
	}
	return c
}

// actingNow reports whether t was assumed over a term that goes on.
func actingNow(f *commandFold, t *term) bool {
	return t.basis == BasisAssume && slices.ContainsFunc(t.over, func(o *term) bool { return slices.Contains(f.live, o) })
}

// since returns when the latest of some operations was written, by derived time; 0 when none of them is here.
func (b *Board) since(heads []crdt.Hash) int64 {
	var ms int64
	for _, h := range heads {
		if o := b.ops[h]; o != nil {
			ms = max(ms, o.place.TimeMS)
		}
	}
	return ms
}

// teamsChoice is the way to settle command without a loser. claimants are by rank, two at least.
func teamsChoice(claimants []string) Choice {
	label := claimants[0] + " commands, " + strings.Join(claimants[1:], " and ")
	if len(claimants) == 2 {
		label += " leads a sub-team"
	} else {
		label += " lead sub-teams"
	}
	return Choice{Key: "t", Value: ValueTeams, Label: label}
}

// choiceNames returns the values of choices.
func choiceNames(choices []Choice) []string {
	out := make([]string, len(choices))
	for i, c := range choices {
		out[i] = c.Value
	}
	return out
}

// acceptText says what an acceptance did.
func (r reader) acceptText(o *op, v *acceptBody) string {
	what := "ACCEPTED COMMAND"
	if x := r.ops[v.Offer]; x != nil && x.kind == KindAccept {
		what = "TOOK COMMAND BACK from " + r.who(x.person)
	}
	if v.ReadBack == "" && len(v.Ticks) > 0 {
		return with(what, "read "+count(len(v.Ticks), "open item"))
	}
	return with(what, v.ReadBack)
}
