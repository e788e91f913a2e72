package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// crossings returns the pairs of writes of which neither author had seen the other and whose values differ, as far as
// both stood at some point of the history: what a merge report mentions.
func (b *Board) crossings(ops []*op, differ func(x, y *op) bool) (pairs [][2]*op) {
	var heads []*op
	for _, o := range ops {
		kept := heads[:0]
		for _, h := range heads {
			if b.before(h, o) {
				continue
			}
			kept = append(kept, h)
			if differ(h, o) && len(pairs) < maxCrossings {
				pairs = append(pairs, [2]*op{h, o})
			}
		}
		heads = append(kept, o)
	}
	return pairs
}

// maxCrossings bounds the pairs of writes that one field is reported with.
const maxCrossings = 8

// notices returns what was merged without asking anyone.
func (r reader) notices() []Notice {
	out := slices.Concat(r.severityNotices(), r.statusNotices(), r.titleNotices(), r.commandNotices(), r.roleNotices(),
		r.criterionNotices(), r.objectionNotices())
	for _, o := range r.taskList.list() {
		out = append(out, r.taskNotices(r.tasks[o.hash])...)
	}
	for _, o := range r.noteList.list() {
		n := r.note(o.hash)
		if f := r.foldNote(n); len(f.texts) > 1 {
			out = append(out, Notice{
				Kind: NoticeEdit, Subject: r.shortID(RefNote, o.hash), Open: true,
				Text: "revised on both sides: " + r.versions(f.texts, textOf),
			})
		}
	}
	out = append(out, r.noteNotices()...)
	return slices.Concat(out, r.sitrepNotices(), r.resourceNotices(), r.updateNotices(), r.runNotices())
}

func (r reader) statusNotices() []Notice {
	f := r.foldStatus()
	var out []Notice
	for _, p := range r.crossings(r.statuses.list(), func(x, y *op) bool { return true }) {
		open := slices.Contains(f.heads, p[0]) && slices.Contains(f.heads, p[1]) && f.contested == nil
		out = append(out, Notice{
			Kind: NoticeStatus, Subject: NoticeStatus, Open: open,
			Text: fmt.Sprintf("%s and %s, neither seeing the other; shown %s", r.statusWords(p[0]), r.statusWords(p[1]), f.shown),
		})
	}
	if f.late > 0 {
		out = append(out, Notice{
			Kind: NoticeNotes, Subject: NoticeStatus, Open: true,
			Text: fmt.Sprintf("%s without knowing that it was %s", lateWords(f.late), f.shown),
		})
	}
	return out
}

func lateWords(n int) string {
	if n == 1 {
		return "1 note or check-in was written"
	}
	return fmt.Sprintf("%d notes and check-ins were written", n)
}

func (r reader) titleNotices() []Notice {
	_, heads := r.title()
	if len(heads) < 2 {
		return nil
	}
	return []Notice{{Kind: NoticeTitle, Subject: NoticeTitle, Open: true, Text: "renamed on both sides: " + r.versions(heads, titleOf)}}
}

// versions lists texts written concurrently with their authors.
func (r reader) versions(heads []*op, text func(*op) string) string {
	parts := make([]string, len(heads))
	for i, h := range heads {
		parts[i] = quote(text(h)) + " (" + r.by(h) + ")"
	}
	return strings.Join(parts, " | ")
}

func (r reader) commandNotices() []Notice {
	var out []Notice
	for _, of := range r.foldCommand().overtaken {
		who, what := of.by, "took it back"
		switch {
		case len(of.withdrawn) > 0:
		case len(of.declines) > 0:
			who, what = of.to, "declined it elsewhere"
		default:
			what = "laid command down elsewhere"
		}
		out = append(out, Notice{
			Kind: NoticeOffer, Subject: ConflictCommand,
			Text: fmt.Sprintf("%s accepted %s's offer of command; %s %s", r.by(of.accepts[0]), r.who(of.by), r.who(who), what),
		})
	}
	return out
}

func (r reader) roleNotices() []Notice {
	var out []Notice
	for _, role := range slices.Sorted(maps.Keys(r.roles)) {
		if heads := r.role(role); len(heads) > 1 && !soleRole(role) && role != RoleTeamLead {
			parts := make([]string, len(heads))
			for i, h := range heads {
				parts[i] = r.who(roleHolder(h)) + " (by " + r.by(h) + ")"
			}
			out = append(out, Notice{Kind: NoticeRole, Subject: role, Open: true, Text: "both hold it: " + strings.Join(parts, ", ")})
		}
	}
	return out
}

// taskNotices returns a notice for each class B mark of a task.
func (r reader) taskNotices(t *task) []Notice {
	f := r.foldTask(t)
	var out []Notice
	for _, kind := range f.merged {
		if f.forHumans(kind) {
			continue
		}
		text, open := r.markText(t, f, kind)
		out = append(out, Notice{Kind: kind, Subject: r.shortID(RefTask, t.op.hash), Text: text, Open: open})
	}
	return out
}

// forHumans reports whether what a mark says is a conflict on this task rather than a mention.
func (f *taskFold) forHumans(kind string) bool {
	switch kind {
	case NoticeDouble, NoticeDoneAfterCancel:
		return f.body.Once || f.body.Resource != ""
	case NoticeBothDone:
		return f.body.Once
	case NoticeDisputed:
		return f.body.Vital
	}
	return false
}

// markText says what a mark means for this task, and whether it still shows.
func (r reader) markText(t *task, f *taskFold, kind string) (text string, open bool) {
	name := quote(taskText(f))
	over := f.state == TaskDone || f.state == TaskCancelled
	switch kind {
	case NoticeDouble:
		if len(f.doubled) > 0 {
			return fmt.Sprintf("DOUBLE %s on %s; %s is primary", r.stakeNames(f.doubled), name, r.who(f.doubled[0].person)), !over
		}
		return "was worked on twice: " + name, false
	case NoticeBothAsked:
		if f.state == TaskAssigned && len(f.stakes) > 1 {
			return fmt.Sprintf("%s were both asked for %s; whoever answers first has it", r.stakeNames(f.stakes), name), true
		}
		return "two people were asked for " + name, false
	case NoticeStandDown:
		own := f.owners()
		if rest := f.stakes[len(own):]; len(rest) > 0 && len(own) > 0 {
			return fmt.Sprintf("%s works on %s; %s was asked elsewhere: stand down", r.who(own[0].person), name, r.stakeNames(rest)), !over
		}
		return "somebody else was asked for " + name, false
	case NoticeBothDone:
		var who []string
		for _, d := range f.results {
			who = append(who, r.by(d))
		}
		return fmt.Sprintf("done twice: %s by %s; both results kept", name, strings.Join(who, " and ")), len(f.ends) > 1
	case NoticeDoneAfterCancel:
		p := f.pairs[kind]
		return fmt.Sprintf("DONE after CANCEL: %s did %s %s, %s had cancelled it %s; check what it did", r.who(p[0].person), name,
			clock(p[0].wallMS), r.who(p[1].person), clock(p[1].wallMS)), len(f.cancels) > 0 && len(f.ends) > 0
	case NoticeDisputed:
		return fmt.Sprintf("DONE? disputed: %s; %s | %s", name, r.taskWords(f.ends[0]), r.taskWords(f.disputed[0])), true
	case NoticeStillWorking:
		return fmt.Sprintf("CANCELLED, and %s may still be working on %s", r.opNames(f.working), name), true
	case NoticeUnowned:
		return r.unownedText(f, name), f.state == TaskOpen
	case NoticeDoneKept:
		return r.doneKeptText(f, name), true
	case NoticeOwnerLeft:
		return fmt.Sprintf("%s left %s, and was given %s elsewhere", r.who(f.leftAt.person), clock(f.leftAt.wallMS), name), !over
	case NoticeReopened:
		p := f.pairs[kind]
		return fmt.Sprintf("%s cancelled %s %s, %s reopened it %s, neither seeing the other; open", r.who(p[0].person), name,
			clock(p[0].wallMS), r.who(p[1].person), clock(p[1].wallMS)), !over
	case NoticeVerifyReopened:
		return r.verifyReopenedText(f, name), !over
	case NoticeTaskTitle:
		return "reworded on both sides: " + r.versions(f.texts, titleOf), true
	}
	return r.dueText(f, name), !over && len(f.dues) > 1
}

func (r reader) stakeNames(stakes []stake) string {
	names := make([]string, len(stakes))
	for i, s := range stakes {
		names[i] = r.who(s.person)
	}
	return strings.Join(names, " and ")
}

func (r reader) opNames(ops []*op) string {
	names := make([]string, len(ops))
	for i, o := range ops {
		names[i] = r.who(o.person)
	}
	return strings.Join(names, " and ")
}
