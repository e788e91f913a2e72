package sim

import (
	"slices"

	"muster/crdt/board"
)

// A wish is something a person would do next, looking at the board.
type wish struct {
	verb string
	ref  string // empty: any
	who  string // empty: any
}

// wishes returns what the person of a host is asked for, and what they see is wrong. Not all of it is wise.
func (w *world) wishes(h *host, v *board.View) []wish {
	m, _ := h.r.Team().Member(h.device)
	me := h.r.Team().Handle(m.Person)
	var out []wish
	want := func(verb, ref, who string) { out = append(out, wish{verb, ref, who}) }
	holds := slices.ContainsFunc(v.Command.Terms, func(t board.Term) bool { return t.HolderID == m.Person })
	for range v.Conflicts {
		if holds || len(v.Command.Terms) == 0 {
			for range 6 {
				want("settle", "", "")
			}
		}
	}
	w.wishCommand(h, v, m.Person, holds, want)
	for i := range v.Tasks {
		t := &v.Tasks[i]
		asked := slices.ContainsFunc(t.Waiting, func(x board.Waiting) bool { return x.Person == m.Person })
		switch over := t.State == board.TaskDone || t.State == board.TaskCancelled; {
		case asked:
			want("ack", t.ID, "")
			want("no", t.ID, "")
		case slices.Contains(t.OwnerIDs, m.Person) && !over:
			want("done", t.ID, "")
			want("done", t.ID, "")
			want("stuck", t.ID, "")
			want("extend", t.ID, "")
			if t.Vital { // of these it matters most that they are not called done too early
				want("stuck", t.ID, "")
				want("no", t.ID, "")
			}
		case slices.Contains(t.OwnerIDs, m.Person) && t.State == board.TaskCancelled:
			want("ack", t.ID, "")
		case !over && t.By == me:
			want("cancel", t.ID, "")
		case !over && (t.Once || t.Vital || t.Resource != ""):
			want("claim", t.ID, "")
			want("done", t.ID, "")
		}
	}
	speaks := holds || slices.ContainsFunc(v.Roles, func(r board.Role) bool { return r.Role == board.RoleComms && slices.Contains(r.Holders, me) })
	for _, u := range v.Updates {
		switch {
		case !speaks:
		case u.State == board.UpdateDraft && len(u.Approved) == 0:
			want("approve", u.ID, "")
		case u.State == board.UpdateApproved:
			want("publish", u.ID, "")
			want("publish", u.ID, "")
		}
	}
	if w.rng.IntN(6) == 0 {
		want("do", "", me)
		want("update", "", "")
	}
	for _, r := range v.RollCalls {
		if slices.Contains(r.Missing, me) {
			want("here", "", "")
		}
	}
	return out
}

// wishCommand: answer what is offered, hand over and take back, and see to it that somebody commands.
func (w *world) wishCommand(h *host, v *board.View, me board.PersonID, holds bool, want func(verb, ref, who string)) {
	for _, o := range v.Command.Offers {
		switch {
		case o.ToID == me:
			for range 3 { // people mostly do what they are asked to
				want("accept", "", "")
			}
			want("decline", "", "")
		case holds && o.From == h.r.Team().Handle(me):
			want("handoff", "", "") // once more, or withdrawn
		}
	}
	for _, t := range v.Command.Terms {
		if t.From == h.r.Team().Handle(me) && t.ConfirmedMS == 0 {
			want("confirm", "", "")
		}
		if t.Acting && holds && t.HolderID != me {
			want("take-back", "", "")
		}
	}
	switch {
	case len(v.Command.Terms) == 0:
		want("take", "", "")
	case !holds && !h.r.Presence(v.Command.CommanderID).Reachable:
		want("take", "", "")
	case holds:
		want("handoff", "", "")
		want("break", "", "")
		want("do", "", "")
		want("assign", "", "")
		want("decide", "", "")
		want("decide", "", "")
		want("role", "", "")
		for _, r := range v.Command.Requests {
			want("handoff", "", r.By)
		}
	}
}
