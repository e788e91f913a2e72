package board

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"muster/crdt"
)

// A reader is a board with the names of people, for everything that makes words.
type reader struct {
	*Board
	people People
}

func (r reader) who(p PersonID) string { return r.people.Handle(p) }

// clock returns a time of day in UTC.
func clock(ms int64) string {
	day := (ms/60000%1440 + 1440) % 1440
	return fmt.Sprintf("%02d:%02dZ", day/60, day%60)
}

// by returns who wrote o, and when by their clock.
func (r reader) by(o *op) string { return r.who(o.person) + " " + clock(o.wallMS) }

// quote shortens a text to one line of a conflict.
func quote(s string) string {
	const most = 48 // characters
	s = oneLine(s)
	if rs := []rune(s); len(rs) > most {
		s = strings.TrimRight(string(rs[:most-1]), " ") + "…"
	}
	return `"` + s + `"`
}

// oneLine replaces line breaks and tabs.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\n\t") {
		return s
	}
	return strings.Join(strings.Fields(s), " ")
}

// conflicts returns every open conflict: command first, then status, roles, decisions by topic, tasks as they were given.
func (r reader) conflicts() []Conflict {
	var out []Conflict
	add := func(c Conflict, ok bool) {
		if ok {
			c.N, c.SinceMS = len(out)+1, r.since(c.heads)
			out = append(out, c)
		}
	}
	add(r.commandConflict())
	add(r.statusConflict())
	for _, role := range slices.Sorted(maps.Keys(r.roles)) {
		add(r.roleConflict(role))
	}
	for _, key := range slices.Sorted(maps.Keys(r.topics)) {
		add(r.decisionConflict(key))
	}
	for _, o := range r.taskList.list() {
		add(r.taskConflict(r.tasks[o.hash]))
	}
	for _, key := range slices.Sorted(maps.Keys(r.resources)) {
		add(r.handsConflict(key))
	}
	for _, key := range slices.Sorted(maps.Keys(r.audiences)) {
		add(r.postsConflict(key))
	}
	r.nameConflicts(out)
	return out
}

func (r reader) commandConflict() (Conflict, bool) {
	claims := r.foldCommand().claimants()
	if len(claims) < 2 {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictCommand, Subject: ConflictCommand, Shown: r.who(claims[0].holder)}
	var parts []string
	for _, t := range claims {
		orders := ""
		if n := r.ordersIn(t); n > 0 {
			orders = ", " + count(n, "order")
		}
		label := fmt.Sprintf("%s (%s since %s%s)", r.who(t.holder), basisWords(t), clock(t.since.wallMS), orders)
		parts = append(parts, label)
		c.Choices = append(c.Choices, Choice{
			Key: r.who(t.holder), Value: r.who(t.holder), Label: label, By: r.who(t.op.person), AtMS: t.op.wallMS, person: t.holder,
		})
		c.heads = append(c.heads, t.op.hash)
	}
	c.Choices = append(c.Choices, teamsChoice(choiceNames(c.Choices)))
	c.Text = strings.Join(parts, " | ")
	return c, true
}

// basisWords says how a term began.
func basisWords(t *term) string {
	switch t.basis {
	case BasisDeclare:
		return "declared"
	case BasisAccept:
		return "accepted"
	case BasisAssume:
		return "acting"
	case BasisForced:
		return "took by force"
	case BasisSettle:
		return "settled"
	}
	return "took over"
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func (r reader) statusConflict() (Conflict, bool) {
	f := r.foldStatus()
	if f.contested == nil {
		return Conflict{}, false
	}
	value := statusOf(f.contested)
	c := Conflict{Kind: ConflictStatus, Subject: ConflictStatus, Shown: f.shown, heads: []crdt.Hash{f.contested.hash}}
	what := make([]string, 0, 3)
	for i, x := range f.against {
		if i < cap(what) {
			what = append(what, fmt.Sprintf("%s %s %s", r.who(x.person), r.escalation(x), clock(x.wallMS)))
		}
		c.heads = append(c.heads, x.hash)
	}
	c.Text = fmt.Sprintf("%s %s %s | %s, without seeing it", r.who(f.contested.person), value, clock(f.contested.wallMS),
		strings.Join(what, ", "))
	against := f.against[0]
	c.Choices = []Choice{
		{Key: "k", Value: StatusActive, Label: "keep it open", By: r.who(against.person), AtMS: against.wallMS},
		{Key: "r", Value: value, Label: "it is " + value, By: r.who(f.contested.person), AtMS: f.contested.wallMS},
	}
	return c, true
}

// escalation says what an escalating operation did.
func (r reader) escalation(o *op) string {
	switch v := o.body.(type) {
	case *severityBody:
		return fmt.Sprintf("raised to sev %d", v.Severity)
	case *statusBody:
		if v.Status == StatusActive {
			return "reopened"
		}
		return "went back to " + v.Status
	case *settleBody:
		return "settled on " + v.Value
	case *pageBody:
		return "paged " + r.everyone(v.Who)
	case *taskBody:
		if v.Vital {
			return "gave vital " + r.shortID(RefTask, o.hash)
		}
		return "gave " + r.shortID(RefTask, o.hash)
	case *ackBody:
		return "claimed " + r.shortID(RefTask, v.Task)
	case *doneBody:
		return "did " + r.shortID(RefTask, v.Task)
	case *taskReopenBody:
		return "reopened " + r.shortID(RefTask, v.Task)
	}
	return "saw it still broken"
}

func (r reader) roleConflict(role string) (Conflict, bool) {
	heads := r.role(role)
	if len(heads) < 2 || !soleRole(role) {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictRole, Subject: role, Shown: r.who(roleHolder(heads[0]))}
	var parts []string
	for _, h := range heads {
		name := r.who(roleHolder(h))
		label := fmt.Sprintf("%s (by %s)", name, r.by(h))
		parts = append(parts, label)
		c.Choices = append(c.Choices, Choice{
			Key: name, Value: name, Label: label, By: r.who(h.person), AtMS: h.wallMS, person: roleHolder(h),
		})
		c.heads = append(c.heads, h.hash)
	}
	c.Text = role + ": " + strings.Join(parts, " | ")
	return c, true
}

func (r reader) decisionConflict(key string) (Conflict, bool) {
	f := r.foldTopic(key)
	if len(f.standing) < 2 {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictDecision, Subject: f.name, Shown: "both stand"}
	var parts []string
	for i, d := range f.standing {
		text := decisionText(d)
		parts = append(parts, fmt.Sprintf("%s (%s)", quote(text), r.by(d)))
		c.Choices = append(c.Choices, Choice{
			Key: strconv.Itoa(i + 1), Value: text, Label: quote(text), By: r.who(d.person), AtMS: d.wallMS, target: d.hash,
		})
		c.heads = append(c.heads, d.hash)
	}
	c.Text = "CONTRADICTION on " + f.name + ": " + strings.Join(parts, " | ")
	return c, true
}

// taskText returns the shown text of a task: the latest that stands.
func taskText(f *taskFold) string {
	if len(f.texts) == 0 {
		return ""
	}
	return titleOf(f.texts[len(f.texts)-1])
}

func (r reader) taskConflict(t *task) (Conflict, bool) {
	f := r.foldTask(t)
	if f.conflict == "" {
		return Conflict{}, false
	}
	c := Conflict{
		Kind: f.conflict, Subject: r.shortID(RefTask, t.op.hash), Shown: f.state, target: t.op.hash,
	}
	heads := r.conflictOps(f)
	for _, h := range heads {
		c.heads = append(c.heads, h.hash)
	}
	var parts []string
	for _, h := range heads {
		parts = append(parts, fmt.Sprintf("%s %s", r.taskWords(h), clock(h.wallMS)))
	}
	c.Text = fmt.Sprintf("%s: %s", quote(taskText(f)), strings.Join(parts, " | "))
	if f.conflict != ConflictDouble {
		c.Choices = append(c.Choices, Choice{Key: "d", Value: TaskDone, Label: "it is done"})
		c.Choices = append(c.Choices, Choice{Key: "c", Value: TaskCancelled, Label: "it is cancelled"})
	}
	for _, p := range r.conflictPeople(f, heads) {
		label := "not done: " + r.who(p) + " has it"
		switch f.conflict {
		case ConflictDouble:
			label = r.who(p) + " has it"
		case ConflictRanTwice:
			label = "done: " + r.who(p) + "'s run counts"
		}
		c.Choices = append(c.Choices, Choice{Key: r.who(p), Value: r.who(p), Label: label, person: p})
	}
	if f.conflict == ConflictDouble {
		c.Choices = append(c.Choices, Choice{Key: "d", Value: TaskDone, Label: "it is done"},
			Choice{Key: "c", Value: TaskCancelled, Label: "it is cancelled"})
	}
	return c, true
}

// conflictOps returns the operations that stand against each other, in canonical order.
func (r reader) conflictOps(f *taskFold) []*op {
	var out []*op
	switch f.conflict {
	case ConflictDouble:
		for _, s := range f.doubled {
			out = append(out, s.last)
		}
	default:
		out = slices.Concat(f.ends, f.cancels, f.disputed)
	}
	slices.SortFunc(out, compareOps)
	return slices.Compact(out)
}

// conflictPeople returns who can be given a task in conflict: its owners, and who wrote the operations.
func (r reader) conflictPeople(f *taskFold, heads []*op) []PersonID {
	var out []PersonID
	add := func(p PersonID) {
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	for _, s := range f.owners() {
		add(s.person)
	}
	for _, h := range heads {
		if h.kind != KindSettle && h.kind != KindCancel {
			add(h.person)
		}
	}
	return out
}

// taskWords says what an operation did to a task, with its author.
func (r reader) taskWords(o *op) string {
	who := r.who(o.person)
	switch v := o.body.(type) {
	case *taskBody:
		return who + " took it"
	case *ackBody:
		return who + " works on it"
	case *doneBody:
		if v.Result != "" {
			return who + " DONE " + quote(v.Result)
		}
		return who + " DONE"
	case *cancelBody:
		return who + " CANCELLED"
	case *stuckBody:
		return who + " STUCK " + quote(v.Reason)
	case *refuseBody:
		return who + " said no"
	case *taskReopenBody:
		return who + " reopened it"
	case *settleBody:
		if v.Person.IsZero() {
			return who + " settled on " + v.Value
		}
		return who + " settled on " + r.who(v.Person)
	}
	return who + " gave it"
}

// settled returns the conflicts that humans ended and that are not open again, in the order of the settlements.
func (r reader) settled(open []Conflict) []Settled {
	var out []Settled
	for _, o := range r.settles.list() {
		v := o.body.(*settleBody)
		s := Settled{Kind: v.Conflict, Subject: v.Topic, By: r.who(o.person), Reason: v.Reason, AtMS: o.wallMS, Chosen: v.Value}
		if !v.Person.IsZero() {
			s.Chosen = r.who(v.Person)
		}
		switch v.Subject {
		case SubjectCommand, SubjectStatus:
			s.Subject = v.Conflict
		case SubjectTask:
			s.Subject = r.shortID(RefTask, v.Target)
		case SubjectDecision:
			s.Chosen = decisionText(r.ops[v.Target])
		case SubjectUpdate:
			s.Chosen = r.saysOf(r.ops[v.Target])
		case SubjectRole, SubjectResource:
		}
		s.Values = r.values(o, v)
		again := slices.ContainsFunc(open, func(c Conflict) bool {
			return c.Kind == s.Kind && c.Subject == s.Subject && (c.Kind != ConflictCommand || among(s.Values, c.Choices))
		})
		if !again {
			out = append(out, s)
		}
	}
	return out
}

// among reports whether every value is one of the choices.
func among(values []string, choices []Choice) bool {
	return !slices.ContainsFunc(values, func(v string) bool {
		return !slices.ContainsFunc(choices, func(c Choice) bool { return c.Value == v })
	})
}

// values says what stood against each other when o settled it.
func (r reader) values(o *op, v *settleBody) []string {
	var out []string
	add := func(s string) {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, h := range v.Heads {
		x := r.stood(h, o)
		if x == nil {
			continue
		}
		switch v.Subject {
		case SubjectCommand:
			if s, ok := x.body.(*settleBody); ok {
				add(r.who(s.Person))
			} else {
				add(r.who(x.person))
			}
		case SubjectStatus:
			if x.kind == KindStatus || x.kind == KindSettle {
				add(statusOf(x))
			} else {
				add(StatusActive)
			}
		case SubjectRole:
			add(r.who(roleHolder(x)))
		case SubjectDecision:
			add(decisionText(x))
		case SubjectResource:
			add(r.settledHands(x))
		case SubjectUpdate:
			add(r.settledText(x))
		case SubjectTask:
			add(r.taskWords(x))
		}
	}
	return out
}
