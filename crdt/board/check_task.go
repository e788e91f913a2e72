package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
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

// doneBy says who reported a task done.
func (c *checker) doneBy(t taskCheck) string {
	for _, d := range slices.Backward(t.fold.ends) {
		return c.by(d)
	}
	return "somebody"
}

// notOver checks that a task still waits to be done.
func (c *checker) notOver(t taskCheck) error {
	switch t.fold.state {
	case TaskDone:
		return refused(`if it is not: muster reopen `+t.id+` "why"`, "%s is done already, by %s", t.named(), c.doneBy(t))
	case TaskCancelled:
		return refused(`if it must be done after all: muster reopen `+t.id+` "why"`, "%s is cancelled, by %s", t.named(), c.by(t.fold.cancels[0]))
	}
	return nil
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
		c.notef("nobody owns it yet: name one person with: muster assign ID @name")
	case c.who[0] == c.ctx.Actor:
		body.Owner, said = c.who[0], "you have it: "+quoteAll(text)
		c.hats(body.Owner)
	default:
		body.Owner = c.who[0]
		said = "asked " + c.reader.who(body.Owner) + ": " + quoteAll(text)
		c.warnAway(body.Owner, "reach them another way, or ask somebody else")
		c.warnLeft(body.Owner)
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
		return about(KindAck, &ackBody{Task: t.op.hash, Mode: AckHeard}, t.id, t.named()+": you know that it is cancelled"), nil
	}
	if err := c.notOver(t); err != nil {
		return Draft{}, err
	}
	if own := f.owners(); t.mine != nil && !t.mine.acked && own[0].acked && c.in.Verb == "ack" {
		return Draft{}, refused(fmt.Sprintf("stand down: muster no %s; or take it over: muster claim %s", t.id, t.id),
			"%s works on %s", c.reader.who(own[0].person), t.named())
	} else if t.mine != nil && (t.mine.acked || !own[0].acked) {
		if t.mine.acked && f.state != TaskBlocked && len(f.disputed) == 0 {
			return Draft{}, refused("", "you have %s already", t.named())
		}
		c.hats(c.ctx.Actor)
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
		return Draft{}, refused("", "%s is not yours", t.named())
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
		return Draft{}, refused("take it first: muster claim "+t.id, "%s is not yours", t.named())
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
	if t.mine == nil && t.op.person != c.ctx.Actor && !c.foldCommand().holds(c.ctx.Actor) {
		return Draft{}, refused("its owner, who gave it, or the commander can", "%s is not yours to extend", t.named())
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
