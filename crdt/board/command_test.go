package board

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"muster/crdt"
)

// typeAll makes people type lines, each "WHO VERB ...", all of which must be allowed.
func typeAll(t *testing.T, w *world, lines ...string) {
	t.Helper()
	for _, line := range lines {
		who, rest, _ := strings.Cut(line, " ")
		in, err := typed(rest, w.nowMS)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.do(who, in); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		w.nowMS += 60_000
		w.sync()
	}
}

// refusal returns the problem that somebody who is asked nothing twice gets for a line.
func refusal(t *testing.T, w *world, line string) *Problem {
	t.Helper()
	who, rest, _ := strings.Cut(line, " ")
	in, err := typed(rest, w.nowMS)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Check(w.node(who).board, in, CheckContext{
		Now: time.UnixMilli(w.nowMS), Actor: owner(who), People: w.team, Presence: w.presence(who),
	})
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("%s: %v, want a problem", line, err)
	}
	return p
}

// TestQuestionsOfCommand: what a person is asked before they take command, or hand it to somebody who went home.
func TestQuestionsOfCommand(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "carol")
	typeAll(t, w, `ann declare "edge down" --sev 1`, `ann role @carol deputy`, `carol here leaving`)
	if p := refusal(t, w, `ann handoff @carol "tired"`); p.Code != CodeConfirm || !strings.Contains(p.Question, "carol left") {
		t.Errorf("handing over to somebody who left: %+v", p)
	}
	typeAll(t, w, `carol here ok`)
	w.net([][]string{{"ann"}, {"bob", "carol"}})
	w.nowMS += 60_000
	p := refusal(t, w, `bob take`)
	for _, want := range []string{"less than 3m", "carol (deputy) comes before you"} {
		if p.Code != CodeConfirm || !strings.Contains(p.Question, want) {
			t.Errorf("taking command: %+v, want %s", p, want)
		}
	}
	if p := refusal(t, w, `carol take`); strings.Contains(p.Question, "before you") {
		t.Errorf("the deputy is sent away: %+v", p)
	}
}

// TestOffersAlwaysLapse: an offer says how long it stands even when its author did not.
func TestOffersAlwaysLapse(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob")
	typeAll(t, w, `ann declare "edge down"`)
	for line, want := range map[string][2]int64{
		`ann handoff @bob "x"`:      {offerLapseMS, 0},
		`ann handoff @bob "x" 2m`:   {2 * 60_000, 0},
		`ann break 20m --to @bob`:   {offerLapseMS, 20 * 60_000},
		`ann break 12h --to @bob x`: {offerLapseMS, 12 * 3600_000},
	} {
		who, rest, _ := strings.Cut(line, " ")
		in, err := typed(rest, w.nowMS)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Check(w.node(who).board, in, CheckContext{Now: time.UnixMilli(w.nowMS), Actor: owner(who), People: w.team})
		if err != nil {
			t.Fatal(err)
		}
		body, err := decodeBody(d.Kind, d.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b := body.(*offerBody); b.LapseMS != want[0] || b.ForMS != want[1] {
			t.Errorf("%s: stands %d for %d, want %v", line, b.LapseMS, b.ForMS, want)
		}
	}
}

// TestSlowClockDoesNotLapse: an offer from a laptop whose clock is a day behind can be accepted, and one from a clock ahead too.
func TestSlowClockDoesNotLapse(t *testing.T) {
	for _, skew := range []int64{-24 * 3600_000, 24 * 3600_000} {
		w := newWorld(fatalOf(t), "ann", "bob")
		typeAll(t, w, `bob declare "edge down"`, `bob handoff @ann "you know it"`, `ann accept "risk: x; next: y"`)
		w.skew["ann"] = skew
		typeAll(t, w, `ann handoff @bob "back"`, `bob accept "risk: x; next: y"`)
		if v := w.node("bob").view(w); v.Command.Commander != "bob" {
			t.Errorf("clock off by %s: %s commands", time.Duration(skew)*time.Millisecond, v.Command.Commander)
		}
	}
}

// TestAnswersToNothingAreInert: operations that name what is no offer, no acceptance, or somebody else's, change nothing.
func TestAnswersToNothingAreInert(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "carol")
	typeAll(t, w, `ann declare "edge down"`, `ann handoff @bob "tired"`, `carol note "hello"`)
	var offer, note crdt.Hash
	for _, r := range w.node("ann").records {
		switch r.Op.Kind {
		case KindOffer:
			offer = r.Hash
		case KindNote:
			note = r.Hash
		}
	}
	for name, d := range map[string]struct {
		who  string
		kind crdt.Kind
		body any
	}{
		"somebody else accepts":          {"carol", KindAccept, &acceptBody{Offer: offer, ReadBack: "mine"}},
		"an acceptance of a note":        {"bob", KindAccept, &acceptBody{Offer: note}},
		"a confirmation of an offer":     {"ann", KindConfirm, &confirmBody{Accept: offer}},
		"somebody else takes it back":    {"bob", KindWithdraw, &withdrawBody{Offer: offer}},
		"an offer without end":           {"ann", KindOffer, &offerBody{To: person("carol"), LapseMS: 1 << 62}},
		"an offer for minus an hour":     {"ann", KindOffer, &offerBody{To: person("carol"), ForMS: -3600_000}},
		"an acceptance of nothing known": {"bob", KindAccept, &acceptBody{Offer: crdt.SumHash([]byte("x"))}},
	} {
		n := w.node(d.who)
		before := n.view(w)
		n.propose(w, Draft{Kind: d.kind, Body: crdt.EncodeBody(d.body)}, w.nowMS)
		w.nowMS += 1000
		w.sync()
		if after := n.view(w); after.Command.Commander != before.Command.Commander || len(after.Command.Offers) != len(before.Command.Offers) {
			t.Errorf("%s: %+v", name, after.Command)
		}
	}
	typeAll(t, w, `bob accept "risk: x; next: y"`)
	accept := w.node("bob").tip.Hash
	for _, who := range []string{"bob", "carol"} { // not theirs to confirm
		w.node(who).propose(w, Draft{Kind: KindConfirm, Body: crdt.EncodeBody(&confirmBody{Accept: accept})}, w.nowMS)
	}
	// The acceptance of an offer that was no break offers nothing back.
	w.node("ann").propose(w, Draft{Kind: KindAccept, Body: crdt.EncodeBody(&acceptBody{Offer: accept})}, w.nowMS)
	w.sync()
	v := w.node("ann").view(w)
	if c := v.Command; c.Commander != "bob" || len(c.Offers) != 0 || c.Terms[0].ConfirmedMS != 0 {
		t.Errorf("after answers to nothing: %+v", c)
	}
	if err := w.same(); err != nil {
		t.Error(err)
	}
}

// TestTermsEndByTheirHolder: in random histories whoever commanded and does not any more has said so themselves, or was
// settled away; and an acceptance that ended a term answers an offer of its holder.
func TestTermsEndByTheirHolder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawHistory(t, 20, 60)
		for _, n := range w.nodes {
			if n.board == nil || n.board.found == nil {
				continue
			}
			f := n.board.foldCommand()
			for _, term := range f.terms {
				for _, e := range term.enders {
					switch v := e.body.(type) {
					case *settleBody:
					case *acceptBody:
						if of := f.made[v.Offer]; e.person != term.holder && (of == nil || of.by != term.holder || of.to != e.person) {
							t.Fatalf("%s ended the term of somebody who had not offered it", KindName(e.kind))
						}
					default:
						if e.person != term.holder {
							t.Fatalf("%s by somebody else ended a term", KindName(e.kind))
						}
					}
				}
			}
			for _, o := range n.view(w).Command.Offers {
				if o.Back && !slices.ContainsFunc(f.live, func(x *term) bool { return x.holder == o.FromID }) && len(f.live) > 0 {
					t.Fatalf("command is offered back by somebody who does not have it: %+v", o)
				}
			}
		}
	})
}

// TestBriefingIsOfTheOffer: both sides read the same items of an offer, whatever each has written since, and the tick of
// any of them is understood by number, by id and by more than the id.
func TestBriefingIsOfTheOffer(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob", "carol")
	typeAll(t, w, `ann declare "edge down" --sev 1`, `ann do @carol "post an update" --vital`, `ann note "call them back" -k todo`, `ann handoff @bob "tired"`)
	w.net([][]string{{"ann"}, {"bob", "carol"}})
	typeAll(t, w, `carol done "post an update" "posted"`, `ann note "and the others" -k todo`, `ann do @carol "drain"`)
	read := func(who string) Briefing {
		return w.node(who).board.Briefing(time.UnixMilli(w.nowMS), w.team, owner(who))
	}
	ann, bob := read("ann"), read("bob")
	words := func(b Briefing) (out []string) {
		for _, i := range b.Items {
			out = append(out, fmt.Sprint(i.N, i.ID, i.Kind, i.Text))
		}
		return out
	}
	if !slices.Equal(words(ann), words(bob)) || len(ann.Items) != 2 {
		t.Errorf("ann reads %v, bob %v", words(ann), words(bob))
	}
	if ann.Later != 2 || bob.Later != 1 || bob.Offer == nil || bob.Offer.Op != ann.Offer.Op {
		t.Errorf("since: %d and %d", ann.Later, bob.Later)
	}
	if !bob.Items[0].Closed || bob.Items[1].Closed || ann.Items[0].Closed {
		t.Errorf("closed: %+v %+v", ann.Items, bob.Items)
	}
	for _, i := range bob.Items {
		for _, word := range []string{fmt.Sprint(i.N), i.ID, strings.ToUpper(i.ID), i.ref[:6]} {
			if !i.means(word) {
				t.Errorf("%s does not mean %s", word, i.ID)
			}
		}
		for _, word := range []string{"", i.ID[:2], "9", "-1", i.ref + "a"} {
			if i.means(word) {
				t.Errorf("%s means %s", word, i.ID)
			}
		}
	}
	if carol := read("carol"); carol.Offer != nil || carol.Later != 0 {
		t.Errorf("carol reads an offer that is not hers: %+v", carol.Offer)
	}
}

// TestTrend: how an incident goes, in the words that a briefing begins with.
func TestTrend(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		trend string
		why   string
	}{
		"at work":           {nil, TrendWatcher, "it is active"},
		"vital in hand":     {[]string{`ann do @bob "drain" --vital`, `bob ack "drain"`}, TrendWatcher, "1 vital task open"},
		"vital and nobody":  {[]string{`ann do "drain" --vital`}, TrendUnstable, "nobody has vital"},
		"vital and stuck":   {[]string{`ann do @bob "drain" --vital`, `bob ack "drain"`, `bob stuck "drain" "no key"`}, TrendUnstable, "is stuck"},
		"raised":            {[]string{`bob sev 1 "the west too"`}, TrendUnstable, "raised to sev 1 1m ago"},
		"lowered":           {[]string{`bob sev 4`}, TrendWatcher, "it is active"},
		"still broken":      {[]string{`bob note "still 500s" -k broken`}, TrendUnstable, "bob saw it still broken"},
		"no commander":      {[]string{`ann release`}, TrendUnstable, "nobody commands"},
		"mitigated":         {[]string{`ann status mitigated`}, TrendStable, "it is mitigated"},
		"mitigated, vital":  {[]string{`ann do @bob "drain" --vital`, `bob ack "drain"`, `ann status mitigated`}, TrendWatcher, "1 vital task open"},
		"command contested": {[]string{`bob take --force "mine"`}, TrendUnstable, "1 conflict to settle"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(fatalOf(t), "ann", "bob")
			typeAll(t, w, append([]string{`ann declare "edge down" --sev 2`}, c.lines...)...)
			b := w.node("ann").board.Briefing(time.UnixMilli(w.nowMS), w.team, person("ann"))
			if b.Trend != c.trend || !strings.Contains(strings.Join(b.Why, "; "), c.why) {
				t.Errorf("%s: %v, want %s: %s", b.Trend, b.Why, c.trend, c.why)
			}
		})
	}
}

// TestHistoryIsShort: a briefing tells how it began and the last turns, five lines in all.
func TestHistoryIsShort(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob")
	typeAll(t, w, `ann declare "edge down" --sev 2`)
	for i := range 9 {
		typeAll(t, w, fmt.Sprintf(`bob sev %d`, 1+i%2))
	}
	b := w.node("ann").board.Briefing(time.UnixMilli(w.nowMS), w.team, person("ann"))
	if len(b.History) != historyMax || !strings.HasPrefix(b.History[0].Value, "declared") || !strings.Contains(b.History[historyMax-1].Value, "severity") {
		t.Errorf("history: %+v", b.History)
	}
}

// TestConflictSaysSinceWhen: a banner can say how long something has been unsettled.
func TestConflictSaysSinceWhen(t *testing.T) {
	w := newWorld(fatalOf(t), "ann", "bob")
	typeAll(t, w, `ann declare "edge down" --sev 2`)
	w.net([][]string{{"ann"}, {"bob"}})
	w.nowMS += 20 * 60_000
	at := w.nowMS
	typeAll(t, w, `bob take`, `ann note "x"`)
	w.net([][]string{{"ann", "bob"}})
	w.sync()
	if c := w.node("ann").view(w).Conflicts; len(c) != 1 || c[0].SinceMS != at {
		t.Errorf("conflicts %+v, want one since %d", c, at)
	}
}
