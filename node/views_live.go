package node

import (
	"muster/crdt/board"
	"muster/node/api"
)

// situation adds what is said about the situation, the world and the outside.
func situation(out *api.Incident, v *board.View) {
	out.Sitrep = sitrep(&v.Sitrep)
	for i := range v.Resources {
		out.Resources = append(out.Resources, resource(&v.Resources[i]))
	}
	for i := range v.Updates {
		out.Updates = append(out.Updates, update(&v.Updates[i]))
	}
	for i := range v.Runs {
		out.Runs = append(out.Runs, run(&v.Runs[i]))
	}
}

// sitrep returns nil when nothing was written.
func sitrep(s *board.Sitrep) *api.Sitrep {
	if len(s.Fields) == 0 && s.NextMS == 0 {
		return nil
	}
	out := &api.Sitrep{NextMS: s.NextMS, NextBy: s.NextBy, Late: s.Late}
	for _, f := range s.Fields {
		out.Fields = append(out.Fields, api.SitrepField{Field: f.Field, Text: f.Text, By: f.By, AtMS: f.AtMS, Texts: values(f.Texts)})
	}
	return out
}

func resource(r *board.Resource) api.Resource {
	out := api.Resource{Name: r.Name, State: r.State}
	for _, o := range r.Observations {
		out.Observations = append(out.Observations, api.Observation{By: o.By, State: o.State, From: o.From, Text: o.Text, AtMS: o.AtMS})
	}
	for _, h := range r.Hands {
		out.Hands = append(out.Hands, api.Hand{Person: h.Person, Task: h.Task, Off: h.Off})
	}
	return out
}

func update(u *board.Update) api.Update {
	out := api.Update{
		ID: u.ID, Op: u.Op.String(), Audience: u.Audience, Text: u.Text, Texts: values(u.Texts), State: u.State, Mark: u.Mark,
		By: u.By, AtMS: u.AtMS, Approved: values(u.Approved), Key: u.Key,
	}
	for _, p := range u.Posts {
		out.Posts = append(out.Posts, api.Post{Text: p.Text, Where: p.Where, By: p.By, AtMS: p.AtMS, Stands: p.Stands})
	}
	return out
}

func run(r *board.Run) api.Run {
	out := api.Run{ID: r.ID, Op: r.Op.String(), Name: r.Name, By: r.By, AtMS: r.AtMS, Items: []api.RunItem{}, Versions: r.Versions}
	for _, x := range r.Items {
		item := api.RunItem{Text: x.Text, State: x.State, By: x.By, AtMS: x.AtMS, Remark: x.Remark}
		if x.Skipped != nil {
			s := value(*x.Skipped)
			item.Skipped = &s
		}
		out.Items = append(out.Items, item)
	}
	return out
}
