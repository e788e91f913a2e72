package node

import (
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
)

// ending fills in what an incident needs to end, what it is labelled with, and how its people are.
func (s *session) ending(now time.Time, doc crdt.DocID, v *board.View, out *api.Incident) {
	out.Labels, out.Drill, out.Ended, out.EndedMS = v.Labels, v.Drill, values(v.Ended), v.EndedMS
	for _, c := range v.Criteria {
		out.Criteria = append(out.Criteria, criterion(c))
	}
	out.People = standings(v.People)
	out.SuggestPAR = s.group(doc).SuggestPAR(now, s.r.Team())
}

func criterion(c board.Criterion) api.Criterion {
	out := api.Criterion{
		ID: c.ID, Op: c.Op.String(), Text: c.Text, By: c.By, AtMS: c.AtMS, Met: c.Met, MetBy: c.MetBy, MetMS: c.MetMS, Evidence: c.Evidence,
	}
	if c.Unmet != nil {
		u := value(*c.Unmet)
		out.Unmet = &u
	}
	return out
}

// concerns reports whether a notice is for this node's person.
func (s *session) concerns(n board.Notice) bool { return n.For.IsZero() || n.For == s.me().Person }

func standings(all []board.Standing) []api.Standing {
	var out []api.Standing
	for _, x := range all {
		out = append(out, api.Standing{Who: x.Who, State: x.State, Fatigue: x.Fatigue, Text: x.Text, Place: x.Place, By: x.By, AtMS: x.AtMS})
	}
	return out
}

func objections(all []board.Objection) []api.Objection {
	var out []api.Objection
	for _, x := range all {
		out = append(out, api.Objection{Value: x.Value, By: x.By, AtMS: x.AtMS, Seen: x.Seen})
	}
	return out
}
