package board

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/crdt"
)

// How a resource looks to somebody.
const (
	ResourceUp       = "up"
	ResourceDegraded = "degraded"
	ResourceDown     = "down"
	ResourceUnknown  = "unknown"
)

// resourceStates lists them from the worst to the best: the worst that anybody sees is shown. Not knowing is worse than
// having seen it up, and better than having seen it fail.
var resourceStates = [...]string{ResourceDown, ResourceDegraded, ResourceUnknown, ResourceUp}

// Resource is something in the world that people look at and work on. What people see of it never conflicts: that two
// of them see it differently says something about the cut between them. Two people who work on it at once, neither
// knowing of the other, are a conflict (ConflictHands). A settlement says who keeps their hands on it; everybody else
// whose word it has seen is told "hands off" until that person's work on the resource has ended or was given to
// somebody else. Nothing is taken from anybody: the tasks stay with their owners.
type Resource struct {
	Name         string        // in lower case
	State        string        // the worst that is seen; empty: nobody looked
	Observations []Observation // the newest of each person, worst first
	Hands        []Hand        // who works on it now, by the order of their word
}

// Observation is how a resource looks to one person.
type Observation struct {
	By    string
	State string
	From  string // the place they see it from, if they said
	Text  string
	AtMS  int64
}

// Hand is somebody who works on a resource.
type Hand struct {
	Person string
	Task   string // short id
	Off    bool   // a settlement gave the resource to somebody else, who still has it
}

// resource is one resource and the operations about it.
type resource struct {
	tasks, saws, settles bag
}

// resourceKey makes names that differ only in case or spacing one.
func resourceKey(name string) string { return topicKey(name) }

func (b *Board) resourceOf(name string) *resource {
	key := resourceKey(name)
	if b.resources[key] == nil {
		b.resources[key] = &resource{}
	}
	return b.resources[key]
}

// hold is one person's work on a resource.
type hold struct {
	task   *op
	person PersonID
	since  *op // their word: who has seen it knew
}

// resourceFold is what the operations about a resource add up to.
type resourceFold struct {
	seen    []*op  // the newest observation of each person, worst first, then in canonical order
	holds   []hold // now, by the order of their word
	past    []hold // the same, of tasks that have ended
	crossed []hold // of holds: those of which one did not know of another, on different tasks, and nobody settled it
	given   []*op  // settlements that stand and gave it to somebody who still has it
}

// maxHolds bounds the pieces of work on one resource, the latest, that are compared with each other.
const maxHolds = 64

// foldResource computes who sees what of a resource and who works on it.
func (b *Board) foldResource(x *resource) resourceFold {
	f := resourceFold{seen: b.newestSaws(x)}
	for _, o := range x.tasks.list() {
		now, was := b.holdsOf(o)
		f.holds, f.past = append(f.holds, now...), append(f.past, was...)
	}
	bySince := func(x, y hold) int { return compareOps(x.since, y.since) }
	slices.SortFunc(f.holds, bySince)
	slices.SortFunc(f.past, bySince)
	f.holds, f.past = f.holds[max(0, len(f.holds)-maxHolds):], f.past[max(0, len(f.past)-maxHolds):]
	settles := x.settles.list()
	for _, h := range f.holds {
		if slices.ContainsFunc(f.holds, func(o hold) bool { return b.crossedHolds(h, o, settles) }) {
			f.crossed = append(f.crossed, h)
		}
	}
	for _, s := range b.headsOf(settles) {
		if p := s.body.(*settleBody).Person; slices.ContainsFunc(f.holds, func(h hold) bool { return h.person == p }) {
			f.given = append(f.given, s)
		}
	}
	return f
}

// crossedHolds reports whether two people hold the resource by different tasks, neither having known of the other, and
// nobody who knew of both settled it. Two on one task are that task's business.
func (b *Board) crossedHolds(x, y hold, settles []*op) bool {
	return x.person != y.person && x.task != y.task && b.concurrent(x.since, y.since) &&
		!slices.ContainsFunc(settles, func(s *op) bool { return b.before(x.since, s) && b.before(y.since, s) })
}

// newestSaws returns the last observation of each person.
func (b *Board) newestSaws(x *resource) []*op {
	var out []*op
	for _, o := range slices.Backward(x.saws.list()) {
		if !slices.ContainsFunc(out, func(n *op) bool { return n.person == o.person }) {
			out = append(out, o)
		}
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(x, y *op) int { return badness(y) - badness(x) })
	return out
}

// badness orders observations: more is worse.
func badness(o *op) int { return -slices.Index(resourceStates[:], o.body.(*sawBody).State) }

// holdsOf returns who works on a task, and who did before it ended. Who has not heard that it was called off still does.
func (b *Board) holdsOf(o *op) (now, past []hold) {
	f := b.foldTask(b.tasks[o.hash])
	for _, s := range f.stakes {
		h := hold{task: o, person: s.person, since: s.last}
		switch {
		case !s.acked:
		case f.state == TaskDone, f.state == TaskCancelled && !slices.Contains(f.working, s.last):
			past = append(past, h)
		default:
			now = append(now, h)
		}
	}
	return now, past
}

// keeper returns the settlements' choice, when they agree and that person still works on the resource; zero: nobody.
func (f *resourceFold) keeper() PersonID {
	if len(f.given) == 0 || f.disagree() {
		return PersonID{}
	}
	return f.given[0].body.(*settleBody).Person
}

// disagree reports whether the resource was settled in favour of two people who both work on it.
func (f *resourceFold) disagree() bool {
	return slices.ContainsFunc(f.given, func(s *op) bool { return s.body.(*settleBody).Person != f.given[0].body.(*settleBody).Person })
}

// handsOff reports whether h's holder was told to keep their hands off.
func (b *Board) handsOff(f *resourceFold, h hold) bool {
	p := f.keeper()
	return !p.IsZero() && h.person != p && slices.ContainsFunc(f.given, func(s *op) bool { return b.before(h.since, s) })
}

// resourceViews fills in the resources, and marks the tasks whose owners must keep their hands off.
func (r reader) resourceViews(v *View) {
	for _, key := range slices.Sorted(maps.Keys(r.resources)) {
		f := r.foldResource(r.resources[key])
		x := Resource{Name: key}
		for _, o := range f.seen {
			s := o.body.(*sawBody)
			x.Observations = append(x.Observations, Observation{By: r.who(o.person), State: s.State, From: s.From, Text: s.Text, AtMS: o.wallMS})
		}
		if len(x.Observations) > 0 {
			x.State = x.Observations[0].State
		}
		for _, h := range f.holds {
			off := r.handsOff(&f, h)
			x.Hands = append(x.Hands, Hand{Person: r.who(h.person), Task: r.shortID(RefTask, h.task.hash), Off: off})
			if off {
				r.markHandsOff(v, key, &f, h)
			}
		}
		v.Resources = append(v.Resources, x)
	}
}

// markHandsOff marks a task, unless what it shows already waits for a human.
func (r reader) markHandsOff(v *View, key string, f *resourceFold, h hold) {
	i := slices.IndexFunc(v.Tasks, func(t Task) bool { return t.Op == h.task.hash })
	if v.Tasks[i].Conflict == "" {
		v.Tasks[i].Mark = fmt.Sprintf("HANDS OFF %s: %s has it", key, r.who(f.keeper()))
	}
}

// handsConflict is two people at work on one resource who did not know of each other, or two settlements of that.
func (r reader) handsConflict(key string) (Conflict, bool) {
	f := r.foldResource(r.resources[key])
	if len(f.crossed) == 0 && !f.disagree() {
		return Conflict{}, false
	}
	c := Conflict{Kind: ConflictHands, Subject: key}
	var parts, names []string
	add := func(p PersonID, o *op, label string) {
		parts = append(parts, label)
		c.heads = append(c.heads, o.hash)
		if name := r.who(p); !slices.Contains(names, name) {
			names = append(names, name)
			c.Choices = append(c.Choices, Choice{
				Key: name, Value: name, Label: name + " keeps hands on " + key + ", the others off it", By: name, AtMS: o.wallMS, person: p,
			})
		}
	}
	for _, h := range f.crossed {
		add(h.person, h.since, fmt.Sprintf("%s %s %s %s", r.who(h.person), r.shortID(RefTask, h.task.hash), quote(taskText(r.foldTask(r.tasks[h.task.hash]))), clock(h.since.wallMS)))
	}
	if f.disagree() {
		for _, s := range f.given {
			p := s.body.(*settleBody).Person
			add(p, s, fmt.Sprintf("%s settled on %s %s", r.who(s.person), r.who(p), clock(s.wallMS)))
		}
	}
	c.Shown = strings.Join(names, " and ")
	c.Text = fmt.Sprintf("%s hold %s: %s", fewPeople(len(names)), key, strings.Join(parts, " | "))
	return c, true
}

func fewPeople(n int) string {
	if n == 2 {
		return "two people"
	}
	return fmt.Sprintf("%d people", n)
}

// resourceNotices mentions work on one resource of which neither knew and that is over on one side at least.
func (r reader) resourceNotices() []Notice {
	var out []Notice
	for _, key := range slices.Sorted(maps.Keys(r.resources)) {
		f := r.foldResource(r.resources[key])
		x, y, ok := r.pastCrossing(r.resources[key], &f)
		if len(f.crossed) > 0 || !ok {
			continue
		}
		out = append(out, Notice{
			Kind: NoticeHands, Subject: key,
			Text: fmt.Sprintf("%s (%s, %s) and %s (%s, %s) both worked on %s, neither knowing; check what they did",
				r.who(x.person), r.shortID(RefTask, x.task.hash), clock(x.since.wallMS),
				r.who(y.person), r.shortID(RefTask, y.task.hash), clock(y.since.wallMS), key),
		})
	}
	return out
}

// pastCrossing returns the first two pieces of work of which neither knew and that are not both at work now.
func (b *Board) pastCrossing(x *resource, f *resourceFold) (first, second hold, ok bool) {
	all := slices.Concat(f.past, f.holds)
	slices.SortFunc(all, func(x, y hold) int { return compareOps(x.since, y.since) })
	settles := x.settles.list()
	for i, y := range all {
		for _, x := range all[:i] {
			if b.crossedHolds(x, y, settles) {
				return x, y, true
			}
		}
	}
	return hold{}, hold{}, false
}

// settledHands says who stood against whom in a settlement about a resource.
func (r reader) settledHands(o *op) string {
	if v, ok := o.body.(*settleBody); ok {
		return r.who(v.Person)
	}
	return r.who(o.person)
}

// sawWords is a line of the timeline.
func sawWords(v *sawBody) string {
	s := v.Resource + " is " + strings.ToUpper(v.State)
	if v.From != "" {
		s += " from " + v.From
	}
	return with(s, v.Text)
}

// handsOn returns who besides p has their hands on a resource by another task, in words.
func (c *checker) handsOn(name string, but crdt.Hash, p PersonID) string {
	if name == "" {
		return ""
	}
	var out []string
	for _, b := range slices.Concat([]*Board{c.Board}, c.kin) {
		x := b.resources[resourceKey(name)]
		if x == nil {
			continue
		}
		for _, h := range b.foldResource(x).holds {
			if h.person != p && h.task.hash != but {
				out = append(out, fmt.Sprintf("%s (%s)", c.reader.who(h.person), b.shortID(RefTask, h.task.hash)))
			}
		}
	}
	return strings.Join(out, " and ")
}
