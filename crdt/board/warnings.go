package board

import (
	"fmt"
	"slices"
	"strings"
)

// Signs that whoever commands should not go on as they do. They are hints, computed when the board is looked at; nothing is
// forbidden.
const (
	longInCommandMS    = 2 * 3600 * 1000
	tooLongInCommandMS = 4 * 3600 * 1000
	fixingNotes        = 3 // notes of what they did themselves, within fixingMS
	fixingMS           = 10 * 60 * 1000
)

// warnings says what is wrong with how the incident is led. Each begins with the handle of whom it is about: those who
// wear a second hat, work on something themselves, have commanded for hours, or are late from a break.
func (r reader) warnings(v *View, nowMS int64) []string {
	var out []string
	add := func(who, format string, args ...any) { out = append(out, who+": "+fmt.Sprintf(format, args...)) }
	for _, o := range v.Command.Offers {
		if o.Due && !o.Lapsed {
			over := span(nowMS - o.DueMS)
			add(o.To, "the break was over %s ago; %s waits for: muster accept", over, o.From)
			add(o.From, "%s's break was over %s ago; remind them: muster accept", o.To, over)
		}
	}
	if v.Command.CommanderID.IsZero() || !v.Live() {
		return out
	}
	who, next := v.Command.Commander, "@WHO"
	if p := r.successor(); !p.IsZero() {
		next = "@" + r.who(p)
	}
	var hats []string
	for _, h := range v.Roles {
		if slices.Contains(h.Holders, who) {
			hats = append(hats, h.Role)
		}
	}
	if len(hats) > 0 {
		add(who, "commands and is %s: one hat only; muster role @WHO %s", strings.Join(hats, " and "), hats[0])
	}
	if busy := fixing(v, nowMS); busy != "" {
		add(who, "fixing (%s); hand command over? muster handoff %s", busy, next)
	}
	switch in := nowMS - v.Command.SinceMS; {
	case in >= tooLongInCommandMS:
		add(who, "%s IN COMMAND: hand it over now: muster handoff %s", span(in), next)
	case in >= longInCommandMS:
		add(who, "%s in command; hand it over soon: muster handoff %s", span(in), next)
	}
	return out
}

// fixing says by what the commander works on the fault themselves; empty: they do not.
func fixing(v *View, nowMS int64) string {
	var signs []string
	for _, t := range v.Tasks {
		working := t.State == TaskAcked || t.State == TaskBlocked
		if working && slices.Contains(t.OwnerIDs, v.Command.CommanderID) {
			signs = append(signs, "has "+t.ID)
			break
		}
	}
	n := 0
	for _, x := range v.Notes {
		if x.By == v.Command.Commander && slices.Contains(x.Kinds, NoteAction) && nowMS-x.AtMS >= 0 && nowMS-x.AtMS <= fixingMS {
			n++
		}
	}
	if n >= fixingNotes {
		signs = append(signs, fmt.Sprintf("%s in %s", count(n, "action note"), span(fixingMS)))
	}
	return strings.Join(signs, ", ")
}
