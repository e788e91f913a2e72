package sim

import (
	"slices"

	"muster/crdt"
	"muster/crdt/board"
)

// reportsKept: what must hold before it is over, and each field of the situation report.
func (a *account) reportsKept(v *board.View) error {
	for _, f := range a.kinds[board.KindCriterion] {
		if !slices.ContainsFunc(v.Criteria, func(c board.Criterion) bool { return c.Op == f.hash && c.Text == f.text }) {
			return lost(f, "is not among the criteria")
		}
	}
	fields := map[string][]*fact{}
	for _, f := range a.kinds[board.KindSitrep] {
		if f.text != "" {
			fields[f.value] = append(fields[f.value], f)
		}
	}
	for name, writes := range fields { // any order: each by itself
		i := slices.IndexFunc(v.Sitrep.Fields, func(x board.SitrepField) bool { return x.Field == name })
		for _, f := range a.heads(writes) {
			if i < 0 || !has(v.Sitrep.Fields[i].Text, v.Sitrep.Fields[i].Texts, f.text) {
				return lost(f, "is not in the situation report")
			}
		}
	}
	return nil
}

// resourcesKept: how everybody sees a resource, and who has their hands on it.
func (a *account) resourcesKept(v *board.View) error {
	at := map[string]*board.Resource{}
	for i := range v.Resources {
		at[v.Resources[i].Name] = &v.Resources[i]
	}
	newest := map[string]map[crdt.Hash]*fact{} // resource -> observer -> their last word
	for _, f := range a.kinds[board.KindSaw] {
		if newest[fold(f.on)] == nil {
			newest[fold(f.on)] = map[crdt.Hash]*fact{}
		}
		newest[fold(f.on)][f.person] = f
	}
	for name, seen := range newest { // any order: each by itself
		for _, f := range seen { // any order: as above
			r := at[name]
			if r == nil || len(r.Observations) != len(seen) || !slices.ContainsFunc(r.Observations, func(o board.Observation) bool {
				return o.AtMS == f.wallMS && o.State == f.value
			}) {
				return lost(f, "is not shown of "+name)
			}
		}
	}
	for i := range v.Tasks {
		t := &v.Tasks[i]
		if t.Resource == "" || t.State != board.TaskAcked && t.State != board.TaskBlocked {
			continue
		}
		r := at[fold(t.Resource)]
		for _, who := range t.Owners {
			if slices.ContainsFunc(t.Waiting, func(x board.Waiting) bool { return x.Handle == who }) {
				continue // was asked, and has not said yes
			}
			if r == nil || !slices.ContainsFunc(r.Hands, func(h board.Hand) bool { return h.Person == who && h.Task == t.ID }) {
				return lost(a.at[t.Op], who+" works on it, and is not shown to have hands on "+t.Resource)
			}
		}
	}
	return nil
}

// updatesKept: what was drafted for the public, and what was published.
func (a *account) updatesKept(v *board.View) error {
	for _, f := range a.of(board.KindUpdate, board.KindPublish) {
		first := a.firstText(f)
		if f.kind == board.KindPublish {
			first = a.firstText(a.at[f.which])
		}
		if first == nil {
			continue // of what is not here
		}
		i := slices.IndexFunc(v.Updates, func(u board.Update) bool { return u.Op == first.hash })
		switch {
		case i < 0:
			return lost(f, "is of an update that is not shown")
		case f.kind == board.KindPublish && !slices.ContainsFunc(v.Updates[i].Posts, func(p board.Post) bool { return p.AtMS == f.wallMS && p.Text == a.at[f.which].text }):
			return lost(f, "is not among the posts of "+v.Updates[i].ID)
		}
	}
	return nil
}

// runsKept: a playbook that was started runs, and what was done is checked.
func (a *account) runsKept(v *board.View) error {
	for _, f := range a.of(board.KindPlaybook, board.KindCheck) {
		start := f
		if f.kind == board.KindCheck {
			start = a.at[f.target]
		}
		runs := slices.DeleteFunc(slices.Clone(v.Runs), func(r board.Run) bool { return fold(r.Name) != fold(start.text) })
		done := func(r board.Run) bool {
			n := int(f.mode)
			return n <= len(r.Items) && (r.Items[n-1].State == board.ItemChecked || f.flag && r.Items[n-1].State == board.ItemSkipped)
		}
		switch {
		case start.gone:
		case len(runs) == 0:
			return lost(f, "is of a playbook that does not run")
		case f.kind == board.KindCheck && !slices.ContainsFunc(runs, done):
			return lost(f, "is not shown")
		}
	}
	return nil
}
