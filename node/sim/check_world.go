package sim

import (
	"slices"

	"muster/crdt"
	"muster/crdt/board"
)

// What people do to the world outside, where two of them at once do harm: what they tell the public, and what they have
// their hands on.

// duePosts: one audience was told different things, or is about to be: texts were published, or approved, by people who
// knew nothing of each other, and nobody who knew of both has said which stands.
func (a *account) duePosts(due map[subject][]string) {
	words := map[string][]*fact{} // audience -> approvals, publications, settlements
	for _, f := range a.of(board.KindApprove, board.KindPublish, board.KindSettle) {
		update, text := a.at[f.target], a.at[f.which]
		if f.kind == board.KindSettle {
			if board.Subject(f.mode) != board.SubjectUpdate {
				continue
			}
			text = update
		}
		if update = a.firstText(update); update == nil || text == nil || a.firstText(text) != update || !a.before(text, f) {
			continue
		}
		words[fold(update.topic)] = append(words[fold(update.topic)], f)
	}
	for audience, all := range words { // any order: each by itself
		public := slices.DeleteFunc(slices.Clone(all), func(f *fact) bool { return f.kind == board.KindApprove })
		approved := slices.DeleteFunc(a.heads(all), func(f *fact) bool {
			return f.kind == board.KindPublish || f.kind == board.KindApprove && a.reworded(f)
		})
		if a.texts(a.heads(public)) > 1 || a.texts(approved) > 1 {
			due[subject(board.ConflictPosts+" "+audience)] = []string{board.ConflictPosts}
		}
	}
}

// firstText returns the draft that a text of a public update revises, itself when it is one; nil when there is none.
func (a *account) firstText(f *fact) *fact {
	if f == nil || f.kind != board.KindUpdate || f.gone || f.inert {
		return nil
	}
	if f.target.IsZero() {
		return f
	}
	if first := a.at[f.target]; first.target.IsZero() && !first.gone {
		return first
	}
	return nil
}

// textOf returns the text of an update that f is about.
func (a *account) textOf(f *fact) *fact {
	if f.kind == board.KindSettle {
		return a.at[f.target]
	}
	return a.at[f.which]
}

// texts counts the different texts that facts are about.
func (a *account) texts(facts []*fact) int {
	all := map[string]bool{}
	for _, f := range facts {
		all[a.textOf(f).text] = true
	}
	return len(all)
}

// reworded reports whether somebody who knew of an approval has revised the update.
func (a *account) reworded(approval *fact) bool {
	first := a.firstText(a.textOf(approval))
	return slices.ContainsFunc(a.about[first.hash], func(f *fact) bool { return f.kind == board.KindUpdate && a.before(approval, f) })
}

// dueHands: two people have their hands on one thing by different tasks and did not know of each other. Which of a
// person's words on a task counts is the board's business: all that could are tried.
func (a *account) dueHands(v *board.View, due, may map[subject][]string) {
	settled := map[string][]*fact{} // resource -> settlements
	for _, f := range a.of(board.KindSettle) {
		if board.Subject(f.mode) == board.SubjectResource {
			settled[fold(f.topic)] = append(settled[fold(f.topic)], f)
		}
	}
	atWork := map[string][]*board.Task{} // resource -> tasks somebody is at
	for i := range v.Tasks {
		t := &v.Tasks[i]
		if on := a.at[t.Op].on; on != "" && t.State != board.TaskOpen && t.State != board.TaskAssigned && t.State != board.TaskDone {
			atWork[fold(on)] = append(atWork[fold(on)], t)
		}
	}
	for on, tasks := range atWork { // any order: each by itself
		s := subject(board.ConflictHands + " " + on)
		if a.crossed(settled[on]) {
			may[s] = []string{board.ConflictHands}
		}
		for i, x := range tasks {
			for _, y := range tasks[:i] {
				some, all := a.strangers(x, y, settled[on])
				if all && x.State != board.TaskCancelled && y.State != board.TaskCancelled {
					due[s] = []string{board.ConflictHands}
				}
				if some {
					may[s] = []string{board.ConflictHands}
				}
			}
		}
	}
}

// strangers looks for two people at work on two tasks who have not known of each other: some reports whether that may be
// so, by one of the words of each; all, whether it is so by every word of two of them.
func (a *account) strangers(x, y *board.Task, settled []*fact) (some, all bool) {
	for _, p := range x.OwnerIDs {
		for _, q := range y.OwnerIDs {
			if p == q {
				continue
			}
			every, any := true, false
			for _, f := range a.wordsOf(x.Op, p) {
				for _, g := range a.wordsOf(y.Op, q) {
					over := slices.ContainsFunc(settled, func(s *fact) bool { return a.before(f, s) && a.before(g, s) })
					if a.concurrent(f, g) && !over {
						any = true
					} else {
						every = false
					}
				}
			}
			some, all = some || any, all || any && every
		}
	}
	return some, all
}

// wordsOf returns the operations by which p has a task.
func (a *account) wordsOf(task, p crdt.Hash) []*fact {
	return slices.DeleteFunc(append([]*fact{a.at[task]}, a.about[task]...), func(f *fact) bool { return taker(f) != p })
}
