package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/board"
)

// subject names what a conflict is about: command, status, "role lead", "decision TOPIC", or the operation of a task.
type subject string

func taskSubject(op crdt.Hash) subject { return subject("task " + op.String()) }

// humanOnly lists every kind of conflict that may wait for a human (domain C3). A kind that is not here would ask people
// at three in the morning for what the rules can decide.
var humanOnly = []string{
	board.ConflictCommand,                                                       // two live commanders, a forced take
	board.ConflictStatus,                                                        // contested resolve or close
	board.ConflictRole,                                                          // two leads, two who speak to the public
	board.ConflictDecision,                                                      // contradictory decisions
	board.ConflictDouble, board.ConflictDoneVsCancelled, board.ConflictRanTwice, // of what must not happen twice
	board.ConflictDisputedDone, // of vital tasks
	board.ConflictHands,        // two hands on one resource
	board.ConflictPosts,        // contradictory public posts
}

// onlyC3 checks that what a view asks humans to settle is what its operations leave no rule to decide: nothing else, and
// all of it. Where the rule is short it is computed here once more; where it is long, bounds of it are.
func (a *account) onlyC3(v *board.View) error {
	shown, err := a.conflictsOf(v)
	if err != nil {
		return err
	}
	due := map[subject][]string{} // subject -> the kinds of which one must be shown
	may := map[subject][]string{} // subject -> the kinds that can be right
	a.dueCommand(v, due)
	a.dueStatus(due)
	a.dueRoles(due)
	a.dueDecisions(due)
	a.duePosts(due)
	a.dueHands(v, due, may)
	for i := range v.Tasks {
		a.dueTask(&v.Tasks[i], due, may)
	}
	for _, s := range slices.Sorted(maps.Keys(due)) {
		if !slices.Contains(due[s], shown[s]) {
			return fmt.Errorf("%s is in conflict (%s), and nobody is asked", s, strings.Join(due[s], " or "))
		}
	}
	for _, s := range slices.Sorted(maps.Keys(shown)) {
		if !slices.Contains(due[s], shown[s]) && !slices.Contains(may[s], shown[s]) {
			return fmt.Errorf("a human is asked about %s (%s), which the operations do not leave open", s, shown[s])
		}
	}
	for _, t := range v.Tasks {
		if t.Conflict != shown[taskSubject(t.Op)] {
			return fmt.Errorf("%s shows the conflict %q, and the list %q", t.ID, t.Conflict, shown[taskSubject(t.Op)])
		}
	}
	return nil
}

// conflictsOf returns the kind of conflict that a view shows for each subject.
func (a *account) conflictsOf(v *board.View) (map[subject]string, error) {
	out := map[subject]string{}
	for _, c := range v.Conflicts {
		s := subject(c.Kind)
		switch c.Kind {
		case board.ConflictRole, board.ConflictDecision, board.ConflictHands, board.ConflictPosts:
			s = subject(c.Kind + " " + fold(c.Subject))
		case board.ConflictDouble, board.ConflictDoneVsCancelled, board.ConflictRanTwice, board.ConflictDisputedDone:
			i := slices.IndexFunc(v.Tasks, func(t board.Task) bool { return t.ID == c.Subject })
			if i < 0 {
				return nil, fmt.Errorf("a conflict is about %s, which is no task", c.Subject)
			}
			s = taskSubject(v.Tasks[i].Op)
		}
		switch {
		case !slices.Contains(humanOnly, c.Kind):
			return nil, fmt.Errorf("a human is asked about %s: no rule says so", c.Kind)
		case out[s] != "":
			return nil, fmt.Errorf("%s is in conflict twice", s)
		case c.Text == "" || len(c.Choices) < 2:
			return nil, fmt.Errorf("%s is in conflict with %d choices: %q", s, len(c.Choices), c.Text)
		}
		out[s] = c.Kind
	}
	return out, nil
}

// fold makes topics that differ in case or spacing one.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// dueCommand: several people hold a live term, whatever it began with.
func (a *account) dueCommand(v *board.View, due map[subject][]string) {
	holders := map[crdt.Hash]bool{}
	for _, t := range v.Command.Terms {
		holders[t.HolderID] = true
	}
	if len(holders) > 1 {
		due[board.ConflictCommand] = []string{board.ConflictCommand}
	}
}

// dueStatus: somebody ended the incident, and something made it more urgent without either author knowing of the other.
func (a *account) dueStatus(due map[subject][]string) {
	var writes, alarms, work []*fact
	for _, f := range a.of(board.KindDeclare, board.KindStatus, board.KindSettle) {
		if f.hash == crdt.Hash(a.doc) || f.kind == board.KindStatus || f.kind == board.KindSettle && board.Subject(f.mode) == board.SubjectStatus {
			writes = append(writes, f)
		}
	}
	for _, f := range a.facts {
		if f.gone || f.inert {
			continue
		}
		if a.alarming(f) {
			alarms = append(alarms, f)
		}
		if f.kind == board.KindTask || f.kind == board.KindAck || f.kind == board.KindDone {
			work = append(work, f)
		}
	}
	for _, end := range a.heads(writes) {
		if !isEnd(end.value) {
			continue
		}
		if a.crosses(end, alarms) || end.value == board.StatusDeclined && a.crosses(end, work) {
			due[board.ConflictStatus] = []string{board.ConflictStatus}
		}
	}
}

func isEnd(status string) bool {
	switch status {
	case board.StatusResolved, board.StatusClosed, board.StatusDuplicate, board.StatusCancelled, board.StatusDeclined:
		return true
	}
	return false
}

// alarming reports whether f makes the incident more urgent.
func (a *account) alarming(f *fact) bool {
	vital := func() bool { t := a.at[f.target]; return t != nil && t.vital }
	switch f.kind {
	case board.KindSeverity:
		return f.mode < f.was
	case board.KindStatus:
		return f.flag
	case board.KindPage:
		return true
	case board.KindTask:
		return f.vital
	case board.KindAck:
		return board.AckMode(f.mode) == board.AckClaim && vital()
	case board.KindTaskReopen:
		return vital()
	case board.KindNote:
		return f.value == board.NoteBroken
	case board.KindSettle:
		return board.Subject(f.mode) == board.SubjectStatus && !isEnd(f.value)
	}
	return false
}

// dueRoles: two people were given a role that only one can have.
func (a *account) dueRoles(due map[subject][]string) {
	for _, role := range []string{board.RoleLead, board.RoleComms} {
		var writes []*fact
		for _, f := range a.of(board.KindRole, board.KindSettle) {
			if f.kind == board.KindRole && f.value == role || board.Subject(f.mode) == board.SubjectRole && f.topic == role {
				writes = append(writes, f)
			}
		}
		holders := map[crdt.Hash]bool{}
		for _, f := range a.heads(writes) {
			if !f.given.IsZero() {
				holders[f.given] = true
			}
		}
		if len(holders) > 1 {
			due[subject(board.ConflictRole+" "+role)] = []string{board.ConflictRole}
		}
	}
}

// dueDecisions: decisions on one topic that say different things, and nobody has decided or settled knowing of both.
func (a *account) dueDecisions(due map[subject][]string) {
	topics := map[string][]*fact{}
	for _, f := range a.of(board.KindDecide, board.KindSettle) {
		topic := f.topic
		if f.kind == board.KindSettle {
			if board.Subject(f.mode) != board.SubjectDecision || a.at[f.target].gone {
				continue
			}
			topic = a.at[f.target].topic
		}
		if topic != "" {
			topics[fold(topic)] = append(topics[fold(topic)], f)
		}
	}
	for topic, writes := range topics { // any order: each by itself
		texts := map[string]bool{}
		for _, f := range a.heads(writes) {
			if f.kind == board.KindSettle {
				f = a.at[f.target]
			}
			texts[f.text] = true
		}
		if len(texts) > 1 {
			due[subject(board.ConflictDecision+" "+topic)] = []string{board.ConflictDecision}
		}
	}
}

// dueTask: what must not happen twice was done twice, or done and called off, or two people are at it; or nobody knows
// whether what is vital is done.
func (a *account) dueTask(v *board.Task, due, may map[subject][]string) {
	task, s := a.at[v.Op], taskSubject(v.Op)
	care := task.once || task.on != ""
	about := a.about[v.Op]
	ends := map[string][]*fact{} // how it goes -> who says so
	var settled []*fact
	for _, f := range a.heads(slices.Concat([]*fact{task}, a.turns(about))) {
		ends[goes(f)] = append(ends[goes(f)], f)
		if f.kind == board.KindSettle {
			settled = append(settled, f)
		}
	}
	done, open := ends[board.TaskDone], ends[board.TaskOpen]
	reports := 0
	for _, f := range done {
		if f.kind == board.KindDone {
			reports++
		}
	}
	took := map[crdt.Hash]bool{}
	var doubts []*fact
	for _, f := range append([]*fact{task}, about...) {
		if p := taker(f); !p.IsZero() {
			took[p] = true
		}
		if f.kind == board.KindStuck || f.kind == board.KindRefuse {
			doubts = append(doubts, f)
		}
	}
	switch {
	case slices.ContainsFunc(settled, func(f *fact) bool { return goes(f) != goes(settled[0]) }):
		due[s] = []string{board.ConflictDouble, board.ConflictDoneVsCancelled, board.ConflictRanTwice, board.ConflictDisputedDone}
		return
	case task.once && reports > 1:
		due[s] = []string{board.ConflictRanTwice}
		return
	case care && len(done) > 0 && len(ends[board.TaskCancelled]) > 0:
		due[s] = []string{board.ConflictDoneVsCancelled}
		return
	case task.vital && len(done) > 0 && len(open) > 0:
		due[s] = []string{board.ConflictDisputedDone}
		return
	case care && len(v.Owners) > 1 && (v.State == board.TaskAcked || v.State == board.TaskBlocked):
		due[s] = append(due[s], board.ConflictDouble)
	case care && len(took) > 1 && a.crossed(append([]*fact{task}, about...)) && v.State != board.TaskDone && v.State != board.TaskCancelled:
		may[s] = append(may[s], board.ConflictDouble)
	}
	if task.vital && slices.ContainsFunc(done, func(d *fact) bool { return a.crosses(d, doubts) }) {
		may[s] = append(may[s], board.ConflictDisputedDone)
		if len(due[s]) > 0 {
			due[s] = append(due[s], board.ConflictDisputedDone) // it comes first where both are so
		}
	}
}

// turns returns those of the operations about a task that say how it goes on or ends.
func (a *account) turns(about []*fact) []*fact {
	var out []*fact
	for _, f := range about {
		switch f.kind {
		case board.KindDone, board.KindCancel, board.KindTaskReopen:
			out = append(out, f)
		case board.KindSettle:
			if f.given.IsZero() || f.kindOf != board.ConflictDouble {
				out = append(out, f)
			}
		}
	}
	return out
}

// goes returns how a task goes on, by one of its turns.
func goes(f *fact) string {
	switch f.kind {
	case board.KindDone:
		return board.TaskDone
	case board.KindCancel:
		return board.TaskCancelled
	case board.KindSettle:
		switch {
		case f.given.IsZero():
			return f.value
		case f.kindOf == board.ConflictRanTwice:
			return board.TaskDone
		}
	}
	return board.TaskOpen
}

// taker returns who works on a task by their own word, or by a settlement.
func taker(f *fact) crdt.Hash {
	switch f.kind {
	case board.KindTask, board.KindAssign:
		if f.given == f.person {
			return f.person
		}
	case board.KindAck, board.KindDone, board.KindStuck:
		return f.person
	case board.KindSettle:
		return f.given
	}
	return crdt.Hash{}
}
