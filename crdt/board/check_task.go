package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"muster/crdt"
)

// taskCheck is a task and what the actor is to it.
type taskCheck struct {
	op   *op
	fold *taskFold
	id   string
	mine *stake // the actor's; nil: none
}

func (c *checker) taskCheckOf(o *op) taskCheck {
	t := taskCheck{op: o, fold: c.foldTask(c.tasks[o.hash]), id: c.shortID(RefTask, o.hash)}
	for i, s := range t.fold.stakes {
		if s.person == c.ctx.Actor {
			t.mine = &t.fold.stakes[i]
		}
	}
	return t
}

func (t *taskCheck) over() bool { return t.fold.state == TaskDone || t.fold.state == TaskCancelled }

// named returns how the task is called in answers.
func (t *taskCheck) named() string { return t.id + " " + quote(taskText(t.fold)) }

// task resolves the reference, or, when there is none, the only task of the actor's that the verb can mean.
func (c *checker) task() (taskCheck, error) {
	if c.in.Ref != "" {
		o, err := c.find(RefTask, c.in.Ref)
		if err != nil {
			return taskCheck{}, err
		}
		return c.taskCheckOf(o), nil
	}
	var fit []taskCheck
	for _, o := range c.taskList.list() {
		t := c.taskCheckOf(o)
		if t.mine == nil || t.fold.state == TaskDone {
			continue
		}
		waits := !t.mine.acked && !t.over() || slices.Contains(t.fold.working, t.mine.last)
		if c.in.Verb == "ack" && waits || c.in.Verb != "ack" && !t.over() {
			fit = append(fit, t)
		}
	}
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		return taskCheck{}, usage("name it: muster "+c.in.Verb+" t7f", "you have no task that this can mean")
	}
	p := problem(CodeAmbiguous, "name it: muster "+c.in.Verb+" "+fit[0].id, "you have %d tasks that this can mean", len(fit))
	for _, t := range fit[:min(len(fit), maxCandidates)] {
		p.Candidates = append(p.Candidates, t.named())
	}
	return taskCheck{}, p
}

// taskVerb does the verbs about tasks.
func (c *checker) taskVerb() (Draft, error) {
	if c.in.Verb == "do" {
		return c.do()
	}
	switch c.in.Verb {
	case "no":
		return c.refuse()
	case "extend":
		return c.extend()
	}
	t, err := c.task()
	if err != nil {
		return Draft{}, err
	}
	switch c.in.Verb {
	case "assign":
		return c.assign(t)
	case "claim", "ack":
		return c.ack(t)
	case "stuck":
		return c.stuck(t)
	case "done":
		return c.done(t)
	case "cancel":
		return c.cancel(t)
	case "verify":
		return c.verify(t)
	case "assist":
		return c.assist(t)
	}
	panic("board: verb " + c.in.Verb + " is listed and not done")
}

// doneBy says who reported a task done, when, and what came of it.
func (c *checker) doneBy(t taskCheck) string {
	for _, d := range slices.Backward(t.fold.ends) {
		if v, ok := d.body.(*doneBody); ok {
			return with(c.by(d), v.Result)
		}
	}
	for _, d := range t.fold.ends { // nobody says so but a settlement
		return c.by(d) + ", who settled it"
	}
	return "somebody"
}

// notOver checks that a task still waits to be done. Somebody who acts on one that ended meanwhile learns who ended it, and
// what to do now.
func (c *checker) notOver(t taskCheck) error {
	switch t.fold.state {
	case TaskDone:
		hint := `if it is not: muster reopen ` + t.id + ` "why"`
		if c.in.Verb == "done" && t.fold.body.Once {
			hint = `if it ran here too, say so now: muster note "` + t.id + ` ran twice" -k risk; ` + hint
		}
		return refused(hint, "%s is done already, by %s", t.named(), c.doneBy(t))
	case TaskCancelled:
		hint := `if it must be done after all: muster reopen ` + t.id + ` "why"`
		if t.mine != nil && slices.Contains(t.fold.working, t.mine.last) {
			hint = "stop, and say that you have heard: muster ack " + t.id + "; " + hint
		}
		x := t.fold.cancels[0]
		return refused(hint, "%s", with(fmt.Sprintf("%s is cancelled, by %s", t.named(), c.by(x)), cancelReason(x)))
	}
	return nil
}

// cancelReason returns why o called a task off, as far as it says.
func cancelReason(o *op) string {
	switch v := o.body.(type) {
	case *cancelBody:
		return v.Reason
	case *settleBody:
		return v.Reason
	}
	return ""
}

// whose says to whom a task belongs that is not the actor's.
func (c *checker) whose(t taskCheck) string {
	if own := t.fold.owners(); len(own) > 0 {
		return c.stakeNames(own) + " has it"
	}
	return "nobody has it"
}

func (c *checker) due() int64 {
	if c.in.ForMS == 0 {
		return 0
	}
	return c.nowMS + c.in.ForMS
}

func (c *checker) do() (Draft, error) {
	text := oneLine(c.say)
	if err := cmp.Or(fits("task", text, maxLineBytes), fits("resource", c.in.Resource, maxNameBytes)); err != nil {
		return Draft{}, err
	}
	body := &taskBody{
		Text: text, DueMS: c.due(), Once: c.in.Once, Vital: c.in.Vital, Resource: oneLine(clean(c.in.Resource)),
	}
	said := "open, nobody has it: " + quoteAll(text)
	switch {
	case len(c.who) == 0:
		if first, rest, ok := strings.Cut(text, " "); ok {
			handle := strings.TrimRight(first, ",:")
			if _, known := c.ctx.People.Person(handle); known {
				if err := c.confirm("%s without @ is text, and nobody gets this; meant was perhaps: muster do @%s %s - leave it to nobody?", handle, handle, quoteAll(rest)); err != nil {
					return Draft{}, err
				}
			}
		}
		c.nameOne(text)
	case c.who[0] == c.ctx.Actor:
		body.Owner, said = c.who[0], "you have it: "+quoteAll(text)
		c.hats(body.Owner)
	default:
		body.Owner = c.who[0]
		said = "asked " + c.reader.who(body.Owner) + ": " + quoteAll(text)
		c.warnAway(body.Owner, "reach them another way, or ask somebody else")
		c.warnLeft(body.Owner)
	}
	if !body.Owner.IsZero() {
		c.handsNote(body.Resource, crdt.Hash{}, body.Owner)
	}
	return c.made(KindTask, RefTask, body, said), nil
}

// hats warns a commander who takes work.
func (c *checker) hats(p PersonID) {
	if c.foldCommand().holds(p) {
		c.notef("you command and have a task: hand one of the two over soon")
	}
}

func (c *checker) warnLeft(p PersonID) {
	if l := c.gone(p); l != nil {
		c.notef("%s left at %s", c.reader.who(p), clock(l.wallMS))
	}
}

func (c *checker) assign(t taskCheck) (Draft, error) {
	if err := c.notOver(t); err != nil {
		return Draft{}, err
	}
	to := c.who[0]
	if own := t.fold.owners(); len(own) == 1 && own[0].person == to && c.in.ForMS == 0 {
		return Draft{}, refused("", "%s has %s already", c.reader.who(to), t.named())
	}
	for _, s := range t.fold.owners() {
		if s.person != to && s.person != c.ctx.Actor {
			c.notef("%s had it: tell them", c.reader.who(s.person))
		}
	}
	c.warnAway(to, "reach them another way, or ask somebody else")
	c.warnLeft(to)
	return about(KindAssign, &assignBody{Task: t.op.hash, To: to, DueMS: c.due()}, t.id, t.named()+": asked "+c.reader.who(to)), nil
}

// ack acknowledges what the actor was asked to do, claims what they were not, or says that they know of a cancellation.
func (c *checker) ack(t taskCheck) (Draft, error) {
	f := t.fold
	if f.state == TaskCancelled && t.mine != nil {
		if c.saidHeard(t) {
			return Draft{}, refused("", "you have said already that you know it: %s is cancelled", t.named())
		}
		return about(KindAck, &ackBody{Task: t.op.hash, Mode: AckHeard}, t.id, t.named()+": you know that it is cancelled"), nil
	}
	if err := c.notOver(t); err != nil {
		return Draft{}, err
	}
	if own := f.owners(); t.mine != nil && !t.mine.acked && own[0].acked && c.in.Verb == "ack" {
		return Draft{}, refused(fmt.Sprintf("stand down: muster no %s; or take it over: muster claim %s", t.id, t.id),
			"%s works on %s", c.reader.who(own[0].person), t.named())
	} else if t.mine == nil && c.in.Verb == "ack" && len(own) > 0 && own[0].acked && c.wasAsked(t) {
		return Draft{}, refused("you are released; or take it over: muster claim "+t.id, "%s works on %s by now", c.stakeNames(own), t.named())
	} else if t.mine != nil && (t.mine.acked || !own[0].acked) {
		if t.mine.acked && f.state != TaskBlocked && len(f.disputed) == 0 {
			return Draft{}, refused("", "you have %s already", t.named())
		}
		c.hats(c.ctx.Actor)
		c.handsNote(f.body.Resource, t.op.hash, c.ctx.Actor)
		return about(KindAck, &ackBody{Task: t.op.hash, Mode: AckAssigned}, t.id, t.named()+": you have it"), nil
	}
	for _, s := range f.owners() {
		if !s.acked {
			continue
		}
		name := c.reader.who(s.person)
		if f.body.Once || f.body.Resource != "" {
			if err := c.confirm("%s works on %s, which two people must not do; take it over?", name, t.named()); err != nil {
				return Draft{}, err
			}
		}
		c.notef("%s had it: tell them that you take it over", name)
	}
	if others := c.handsOn(f.body.Resource, t.op.hash, c.ctx.Actor); others != "" {
		if err := c.confirm("%s has hands on %s; go to work on it too?", others, f.body.Resource); err != nil {
			return Draft{}, err
		}
	}
	c.hats(c.ctx.Actor)
	return about(KindAck, &ackBody{Task: t.op.hash, Mode: AckClaim}, t.id, t.named()+": you have it"), nil
}

// refuse says no to a task, before or after acknowledging it.
func (c *checker) refuse() (Draft, error) {
	t, err := c.task()
	if err == nil {
		err = c.notOver(t)
	}
	switch {
	case err != nil:
		return Draft{}, err
	case t.mine == nil:
		return Draft{}, refused("", "%s is not yours: %s", t.named(), c.whose(t))
	case len(t.fold.stakes) == 1:
		c.notef("nobody owns it now")
	}
	return about(KindRefuse, &refuseBody{Task: t.op.hash, Reason: c.say}, t.id, with(t.named()+": you gave it back", c.say)), nil
}

func (c *checker) stuck(t taskCheck) (Draft, error) {
	if err := c.notOver(t); err != nil {
		return Draft{}, err
	}
	if t.mine == nil {
		return Draft{}, refused("take it first: muster claim "+t.id, "%s is not yours: %s", t.named(), c.whose(t))
	}
	return about(KindStuck, &stuckBody{Task: t.op.hash, Reason: c.say}, t.id, with(t.named()+": blocked", c.say)), nil
}

// done reports a result. What happened in the world may be said of a cancelled task too.
func (c *checker) done(t taskCheck) (Draft, error) {
	f := t.fold
	if f.state == TaskDone {
		return Draft{}, c.notOver(t)
	}
	if f.state == TaskCancelled {
		c.notef("it was cancelled by %s: say what it did", c.by(f.cancels[0]))
	}
	for _, s := range f.owners() {
		if s.acked && s.person != c.ctx.Actor {
			c.notef("%s works on it too: tell them", c.reader.who(s.person))
		}
	}
	body := &doneBody{Task: t.op.hash, Result: c.say, Claim: t.mine == nil}
	return about(KindDone, body, t.id, with(t.named()+": done", c.say)), nil
}

func (c *checker) cancel(t taskCheck) (Draft, error) {
	if err := c.notOver(t); err != nil {
		return Draft{}, err
	}
	for _, s := range t.fold.stakes {
		if s.acked && s.person != c.ctx.Actor {
			c.notef("%s works on it until they acknowledge this", c.reader.who(s.person))
			c.warnAway(s.person, "stop them another way")
		}
	}
	return about(KindCancel, &cancelBody{Task: t.op.hash, Reason: c.say}, t.id, with(t.named()+": cancelled", c.say)), nil
}

func (c *checker) extend() (Draft, error) {
	t, err := c.task()
	if err == nil {
		err = c.notOver(t)
	}
	if err != nil {
		return Draft{}, err
	}
	if t.mine == nil && t.op.person != c.ctx.Actor && !c.commands(c.ctx.Actor) {
		return Draft{}, refused(fmt.Sprintf("its owner, %s who gave it, or the commander can", c.reader.who(t.op.person)), "%s is not yours to extend", t.named())
	}
	due := max(t.fold.dueMS, c.nowMS) + c.in.ForMS
	return about(KindExtend, &extendBody{Task: t.op.hash, DueMS: due}, t.id,
		fmt.Sprintf("%s: due in %s", t.named(), span(due-c.nowMS))), nil
}

func (c *checker) reopenTask() (Draft, error) {
	t, err := c.task()
	if err != nil {
		return Draft{}, err
	}
	if !t.over() && len(t.fold.ends) == 0 {
		return Draft{}, refused("", "%s is %s, not over", t.named(), t.fold.state)
	}
	return about(KindTaskReopen, &taskReopenBody{Task: t.op.hash, Reason: c.say}, t.id, with(t.named()+": open again", c.say)), nil
}

func (c *checker) verify(t taskCheck) (Draft, error) {
	f := t.fold
	switch {
	case len(f.ends) == 0:
		return Draft{}, refused("", "%s is %s; only what is done can be verified", t.named(), f.state)
	case f.conflict != "":
		return Draft{}, refused(`muster settle `+t.id+` done "why"`, "%s must be settled first", t.named())
	}
	if slices.ContainsFunc(f.ends, func(d *op) bool { return d.person == c.ctx.Actor }) {
		c.notef("you reported it yourself: a second pair of eyes is worth more")
	}
	return about(KindVerify, &verifyBody{Task: t.op.hash, Text: c.say}, t.id, with(t.named()+": verified", c.say)), nil
}

func (c *checker) assist(t taskCheck) (Draft, error) {
	helps := slices.ContainsFunc(t.fold.helpers, func(p PersonID) bool { return p == c.ctx.Actor })
	if helps != c.in.Withdraw {
		return Draft{}, refused("", "you help with %s: %t", t.named(), helps)
	}
	text := t.named() + ": you help"
	if c.in.Withdraw {
		text = t.named() + ": you do not help any more"
	}
	return about(KindAssist, &assistBody{Task: t.op.hash, Remove: c.in.Withdraw}, t.id, text), nil
}

// saidHeard reports whether the actor has acknowledged the cancellation of a task.
func (c *checker) saidHeard(t taskCheck) bool {
	return slices.ContainsFunc(c.tasks[t.op.hash].bag.list(), func(o *op) bool {
		v, ok := o.body.(*ackBody)
		return ok && v.Mode == AckHeard && o.person == c.ctx.Actor && slices.ContainsFunc(t.fold.cancels, func(x *op) bool { return c.before(x, o) })
	})
}

// wasAsked reports whether the actor was ever given a task.
func (c *checker) wasAsked(t taskCheck) bool {
	return slices.ContainsFunc(c.tasks[t.op.hash].bag.list(), func(o *op) bool {
		switch v := o.body.(type) {
		case *taskBody:
			return v.Owner == c.ctx.Actor && o.person != c.ctx.Actor
		case *assignBody:
			return v.To == c.ctx.Actor && o.person != c.ctx.Actor
		}
		return false
	})
}
