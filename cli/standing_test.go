package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/node/api"
)

// situation is one state of the world, as somebody who types a bare muster finds it.
type situation struct {
	name string
	me   string
	st   func(*api.Status)
	in   func(*api.Incident)
}

// situations are all states that a bare muster tells apart.
func situations() []situation {
	order := func(id, state string, change ...func(*api.Task)) func(*api.Incident) {
		return func(in *api.Incident) {
			t := api.Task{ID: id, Text: "check replica lag", State: state, Owners: []string{"bob"}, By: "ann", DueMS: ago(-4)}
			for _, f := range change {
				f(&t)
			}
			in.Tasks = append(in.Tasks, t)
		}
	}
	late := func(t *api.Task) { t.LateAck = true }
	overdue := func(t *api.Task) { t.Overdue, t.DueMS = true, ago(3) }
	nowhere := func(t *api.Task) {
		t.Delivery = &api.Delivery{Known: 1, Missing: []api.Missing{{Responder: "bob", HeardMS: 7 * minute, Via: "carol", Phones: []string{"+44 20 7946 0018"}}}}
	}
	noPhone := func(t *api.Task) {
		t.Delivery = &api.Delivery{Known: 1, Missing: []api.Missing{{Responder: "bob", Never: true}}}
	}
	roll := func(in *api.Incident) {
		in.RollCalls = []api.RollCall{{By: "ann", AtMS: ago(2), DueMS: ago(-1), Open: true, Missing: []string{"bob", "carol"}, Known: 3}}
	}
	conflict := func(in *api.Incident) {
		in.Conflicts = []api.Conflict{{N: 1, Kind: "decision", Subject: "deploy", Text: "two"}}
	}
	return []situation{
		{name: "all is calm, and you command", me: "ann"},
		{name: "all is calm, and you do not command", me: "bob"},
		{name: "it is over", me: "bob", in: func(in *api.Incident) { in.Status = "resolved" }},
		{name: "nobody commands", me: "bob", in: func(in *api.Incident) { in.Command = api.Command{} }},
		{name: "command is offered to you", me: "bob", in: func(in *api.Incident) {
			in.Command.Offers = []api.Offer{{From: "ann", To: "bob", Reason: "seven hours in", AtMS: ago(3), LapsesMS: ago(-7)}}
		}},
		{name: "an offer to you has lapsed", me: "bob", in: func(in *api.Incident) {
			in.Command.Offers = []api.Offer{{From: "ann", To: "bob", AtMS: ago(15), LapsesMS: ago(5), Lapsed: true}}
		}},
		{name: "you are on a break", me: "dan", in: func(in *api.Incident) {
			in.Command.Offers = []api.Offer{{From: "ann", To: "dan", AtMS: ago(15), Back: true, DueMS: ago(-5)}}
		}},
		{name: "your break is over", me: "dan", in: func(in *api.Incident) {
			in.Command.Offers = []api.Offer{{From: "ann", To: "dan", AtMS: ago(25), Back: true, DueMS: ago(5), Due: true}}
		}},
		{name: "you have handed over and not confirmed", me: "dan", in: func(in *api.Incident) {
			in.Command.Terms[0].From, in.Command.Terms[0].Pending, in.Command.Terms[0].SinceMS = "dan", true, ago(2)
		}},
		{name: "command is offered to somebody else", me: "carol", in: func(in *api.Incident) {
			in.Command.Offers = []api.Offer{{From: "ann", To: "bob", AtMS: ago(3)}}
		}},
		{name: "you lead while the commander is out of reach", me: "bob", in: func(in *api.Incident) {
			in.Command.Terms = append(in.Command.Terms, api.Term{Holder: "bob", Acting: true, SinceMS: ago(20)})
			in.Command.Leads = "bob"
			in.Tasks = []api.Task{{ID: "t2c", Text: "post on the status page", State: "open", By: "ann"}}
		}},
		{name: "you command and do the work as well", me: "ann", in: func(in *api.Incident) {
			in.Warnings = []string{"ann: you are fixing: hand command over, or hand the task over", "bob: something of bob's"}
		}},
		{name: "somebody asks you for command", me: "ann", in: func(in *api.Incident) {
			in.Command.Requests = []api.Value{{By: "bob", Value: "you have been at it since six", AtMS: ago(1)}}
		}},
		{name: "you rejoined and have not read the report", me: "bob", in: func(in *api.Incident) {
			in.Rejoined = &api.Rejoined{AtMS: ago(1), ApartMS: 24 * minute, Settle: 2}
		}},
		{name: "conflicts wait for you", me: "ann", in: conflict},
		{name: "conflicts wait for the commander", me: "bob", in: conflict},
		{name: "an order waits for your ack", me: "bob", in: order("t7f", "assigned")},
		{name: "an order waits for your ack for too long", me: "bob", in: order("t7f", "assigned", late)},
		{name: "an order of yours is not answered", me: "ann", in: order("t7f", "assigned", late)},
		{name: "an order of yours has not arrived", me: "ann", in: order("t7f", "assigned", late, nowhere)},
		{name: "an order of yours has not arrived, and there is no number", me: "ann", in: order("t7f", "assigned", noPhone)},
		{name: "you work on it", me: "bob", in: order("t7f", "acked")},
		{name: "you are stuck", me: "bob", in: order("t7f", "blocked")},
		{name: "your task is overdue", me: "bob", in: order("t7f", "acked", overdue)},
		{name: "somebody else's task is overdue", me: "ann", in: order("t7f", "acked", overdue)},
		{name: "a task is nobody's", me: "ann", in: order("t7f", "open", func(t *api.Task) { t.Owners = nil })},
		{name: "you have not answered the roll call", me: "bob", in: roll},
		{name: "others have not answered the roll call", me: "dave", in: roll},
		{name: "a roll call is due", me: "ann", in: func(in *api.Incident) { in.SuggestPAR = "12m since the last" }},
		{name: "decisions you have not read", me: "ann", in: func(in *api.Incident) {
			in.Decisions = []api.Decision{{ID: "d2a", Unread: true}, {ID: "d3b"}, {ID: "d4c", Unread: true}}
		}},
		{name: "perhaps one outage under two names", me: "bob", in: func(in *api.Incident) {
			in.Suggestions = []api.Suggestion{{Incident: "amber-otter", Other: "red-fox", Why: "payments in both"}}
		}},
		{name: "you are cut off by a drill", me: "bob", st: func(st *api.Status) { st.Cut, st.AloneMS = []string{"all"}, 12*minute }},
		{name: "you are alone", me: "bob", st: func(st *api.Status) { st.AloneMS = 12 * minute }},
		{name: "the disk is nearly full", me: "bob", st: func(st *api.Status) { st.Warnings = []string{"the disk is nearly full", "another"} }},
		{name: "everything at once", me: "ann", st: func(st *api.Status) {
			st.AloneMS, st.Warnings = 12*minute, []string{"the disk is nearly full"}
		}, in: func(in *api.Incident) {
			*in = busy()
			for i := range 6 {
				in.Tasks = append(in.Tasks, api.Task{ID: fmt.Sprintf("tx%d", i), Text: strings.Repeat("long ", 30), State: "acked", Owners: []string{"ann"}})
			}
			in.Command.Offers = []api.Offer{{From: "dan", To: "ann", AtMS: ago(3), Reason: strings.Repeat("tired ", 20)}}
			roll(in)
			in.RollCalls[0].Missing = []string{"ann"}
			in.Rejoined = &api.Rejoined{AtMS: ago(1), ApartMS: 24 * minute, Settle: 2}
			in.SuggestPAR = "they are together again"
		}},
	}
}

// TestStandingInEverySituation: what a bare muster says in each state of the world, in under ten lines of at most 80
// columns, the last of which is what to do next.
func TestStandingInEverySituation(t *testing.T) {
	var all bytes.Buffer
	for _, c := range situations() {
		st := api.Status{
			Responder: c.me, Team: "sre", Incidents: []api.IncidentStatus{{Name: "amber-otter", Current: true}},
			Responders: []api.Responder{{Handle: "ann", Reachable: true}, {Handle: "bob", Reachable: true}, {Handle: "carol"}},
		}
		in := api.Incident{
			Name: "amber-otter", Title: "checkout 500s", Severity: 2, Status: "active",
			Command: api.Command{Commander: "ann", SinceMS: ago(102), Terms: []api.Term{{Holder: "ann", SinceMS: ago(102)}}},
		}
		if c.st != nil {
			c.st(&st)
		}
		if st.AloneMS > 0 {
			st.Responders[1].Reachable = false
		}
		if c.in != nil {
			c.in(&in)
		}
		var b bytes.Buffer
		printStand(&printer{w: &b}, stand(st, &in, nil, noon))
		text := b.String()
		if n := strings.Count(text, "\n"); n > standingMax {
			t.Errorf("%s: %d lines\n%s", c.name, n, text)
		}
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > columns+1 {
				t.Errorf("%s: too wide: %s", c.name, line)
			}
		}
		if !strings.Contains(text, "\nnext: ") {
			t.Errorf("%s: nothing to do next\n%s", c.name, text)
		}
		fmt.Fprintf(&all, "# %s: %s\n%s\n", c.me, c.name, text)
	}
	golden(t, "standing.golden", all.String())
}

// TestStandingAlone: a team of one is told how to become more, and is not called alone.
func TestStandingAlone(t *testing.T) {
	s := stand(api.Status{Responder: "ann", Team: "sre", Responders: []api.Responder{{Handle: "ann", Reachable: true}}}, nil, nil, noon)
	if len(s.Lines) != 1 || !strings.HasSuffix(s.Lines[0], "nobody else yet (muster invite)") || !strings.HasPrefix(s.Next, "muster declare") {
		t.Errorf("%q, next %q", s.Lines, s.Next)
	}
}
