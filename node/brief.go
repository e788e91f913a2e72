package node

import (
	"context"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
)

// Brief returns the briefing on one incident for this node's person.
func (n *Node) Brief(ctx context.Context, incident string) (api.Briefing, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Briefing{}, err
	}
	var out api.Briefing
	err = s.do(ctx, func(now time.Time) error {
		doc, err := s.find(incident)
		if err == nil {
			out = s.briefing(now, doc)
		}
		return err
	})
	return out, problem(err)
}

// briefing runs on the loop.
func (s *session) briefing(now time.Time, doc crdt.DocID) api.Briefing {
	g := s.group(doc)
	b := g.Briefing(now, s.r.Team(), s.me().Person)
	out := api.Briefing{
		Schema: "muster.brief/1", Incident: b.Name, Title: b.Title, Severity: b.Severity, Status: b.Status, Contested: b.Contested,
		Drill: b.Drill, Trend: b.Trend, Why: b.Why, DeclaredMS: b.DeclaredMS, AsOfMS: b.AsOfMS, Later: b.Later,
		Command: command(&b.Command), History: []api.Value{}, Sitrep: sitrep(&b.Sitrep), Work: []api.Task{}, Items: []api.OpenItem{},
		IfThen: values(b.IfThen),
	}
	for i, t := range b.Command.Terms {
		s.unaware(now, doc, t, &out.Command.Terms[i])
	}
	if b.Offer != nil {
		o := offer(*b.Offer)
		out.Offer = &o
	}
	out.History = append(out.History, values(b.History)...)
	for _, r := range b.Roles {
		out.Roles = append(out.Roles, api.Role{Role: r.Role, Holders: r.Holders})
	}
	for _, c := range b.Objectives {
		out.Objectives = append(out.Objectives, criterion(c))
	}
	for _, d := range b.Plan {
		out.Plan = append(out.Plan, decision(d))
	}
	for i := range b.Work {
		out.Work = append(out.Work, s.task(now, g.Holder(b.Work[i].Op), &b.Work[i]))
	}
	for i := range b.Resources {
		out.Resources = append(out.Resources, resource(&b.Resources[i]))
	}
	for i := range b.Updates {
		out.Updates = append(out.Updates, update(&b.Updates[i]))
	}
	for _, n := range b.Risks {
		out.Risks = append(out.Risks, s.note(g, n))
	}
	for _, h := range b.RuledOut {
		out.RuledOut = append(out.RuledOut, theory(h))
	}
	for _, i := range b.Items {
		out.Items = append(out.Items, api.OpenItem{N: i.N, ID: i.ID, Kind: i.Kind, Text: i.Text, Owners: i.Owners, Closed: i.Closed})
	}
	s.removed(&b.Command, &out.Command)
	s.leads(&b.Command, &out.Command)
	return out
}

// leads says who leads those whom this node can reach, where that is not the commander who is shown. Presence is laid over
// the board here and never in it.
func (s *session) leads(c *board.Command, out *api.Command) {
	for i, t := range c.Terms {
		if t.HolderID != s.me().Person && !s.r.Presence(t.HolderID).Reachable {
			continue
		}
		if i > 0 {
			out.Leads = out.Terms[i].Holder
		}
		return
	}
}
