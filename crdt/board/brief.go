package board

// A Brief is what a list says about an incident. It costs what commands, statuses and tasks cost, not what notes do.
type Brief struct {
	Name      string
	Title     string
	Severity  int
	Status    string
	Commander string
	Conflicts int  // class C: wait for a human
	Drill     bool // an exercise
}

// Brief returns the incident in one line.
func (b *Board) Brief(people People) Brief {
	r := reader{b, people}
	out := Brief{Name: Name(b.doc), Status: b.foldStatus().shown, Conflicts: len(r.conflicts()), Drill: b.IsDrill()}
	out.Title, _ = b.title()
	out.Severity, _ = b.severity()
	if f := b.foldCommand(); len(f.live) > 0 {
		out.Commander = r.who(f.live[0].holder)
	}
	return out
}

// Live reports whether the incident is going on.
func (b *Board) Live() bool { return !ended(b.foldStatus().shown) }
