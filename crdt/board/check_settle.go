package board

import (
	"slices"
	"strconv"
	"strings"
)

// settle ends a conflict. The subject is its number in the list, command, status, a role, decision, or a task; the value
// is a key or a value of one of its choices.
func (c *checker) settle() (Draft, error) {
	open := c.conflicts()
	conflict, err := c.findConflict(open)
	if err != nil {
		return Draft{}, err
	}
	conflict = conflict.For(c.ctx.Actor)
	if err := c.maySettle(conflict); err != nil {
		return Draft{}, err
	}
	choice, err := c.findChoice(conflict)
	if err != nil {
		return Draft{}, err
	}
	body := &settleBody{
		Conflict: conflict.Kind, Reason: c.say, Person: choice.person,
		Heads: conflict.heads[:min(len(conflict.heads), maxSettleHeads)],
	}
	ref := conflict.Subject
	switch conflict.Kind {
	case ConflictCommand:
		body.Subject = SubjectCommand
		ref = Name(c.doc)
		if choice.Value == ValueTeams && choice.person.IsZero() {
			body.Value, body.Person = ValueTeams, c.foldCommand().live[0].holder
			c.notef("to end a sub-team: muster role %q --withdraw", RoleTeamLead)
		}
		for _, other := range conflict.Choices {
			if other.person != body.Person && !other.person.IsZero() {
				c.warnAway(other.person, "they go on commanding until they see this")
			}
		}
	case ConflictStatus:
		body.Subject, body.Value = SubjectStatus, choice.Value
		ref = Name(c.doc)
	case ConflictRole:
		body.Subject, body.Topic = SubjectRole, conflict.Subject
	case ConflictDecision:
		body.Subject, body.Target, body.Topic = SubjectDecision, choice.target, conflict.Subject
	case ConflictHands:
		body.Subject, body.Topic = SubjectResource, conflict.Subject
	case ConflictPosts:
		body.Subject, body.Target, body.Topic = SubjectUpdate, choice.target, conflict.Subject
	default:
		body.Subject, body.Target = SubjectTask, conflict.target
		if choice.person.IsZero() {
			body.Value = choice.Value
		}
	}
	return about(KindSettle, body, ref, with("settled"+settledWhat(conflict)+" -> "+choice.Label, c.say)), nil
}

// settledWhat names what a settlement ends, as far as the reference in front of the receipt does not.
func settledWhat(conflict Conflict) string {
	switch conflict.Kind {
	case ConflictCommand, ConflictStatus:
		return " " + conflict.Kind
	}
	return ""
}

// maySettle checks who may: a commander, any claimant while command is in conflict, anyone while nobody commands.
func (c *checker) maySettle(conflict Conflict) error {
	f := c.foldCommand()
	if len(f.live) == 0 || c.commands(c.ctx.Actor) {
		return nil
	}
	who := c.reader.who(f.live[0].holder)
	return refused("ask "+who+", or take command first", "%s commands and settles %s", who, conflict.Kind)
}

// findConflict finds the conflict that the subject means.
func (c *checker) findConflict(open []Conflict) (Conflict, error) {
	subject := strings.TrimSpace(c.in.Subject)
	if len(open) == 0 {
		if o := c.settledBefore(subject); o != nil {
			return Conflict{}, c.alreadySettled(o)
		}
		return Conflict{}, refused("", "nothing waits to be settled")
	}
	if n, err := strconv.Atoi(subject); err == nil {
		if n < 1 || n > len(open) {
			return Conflict{}, problem(CodeNotFound, "muster conflicts lists them", "there is no conflict %d, there are %d", n, len(open))
		}
		return open[n-1], nil
	}
	for _, o := range open {
		if strings.EqualFold(o.Subject, subject) || strings.EqualFold(o.Key, subject) || strings.EqualFold(o.ID(), subject) {
			return o, nil
		}
	}
	if strings.EqualFold(subject, ConflictDecision) {
		return c.findContradiction(open)
	}
	if x, ok := c.findPosts(open, subject); ok {
		return x, nil
	}
	if standsForItself(subject) { // and not the task whose text begins with it
		return Conflict{}, c.notInConflict(subject)
	}
	o, err := c.find(RefTask, subject)
	for _, x := range open {
		if err == nil && x.target == o.hash {
			return x, nil
		}
	}
	if err == nil && c.settledBefore(subject) == nil {
		subject = c.shortID(RefTask, o.hash)
	}
	if err == nil || c.settledBefore(subject) != nil || c.isSubject(subject) {
		return Conflict{}, c.notInConflict(subject)
	}
	return Conflict{}, noSuchConflict(open, subject)
}

// standsForItself reports whether subject is the name of something there is once in an incident.
func standsForItself(subject string) bool {
	s := strings.ToLower(subject)
	return s == ConflictCommand || s == ConflictStatus || soleRole(s)
}

// notInConflict says that nothing waits about a subject, and who settled it if somebody did.
func (c *checker) notInConflict(subject string) error {
	if o := c.settledBefore(subject); o != nil {
		return c.alreadySettled(o)
	}
	return refused("muster conflicts lists what waits", "%s is not in conflict", subject)
}

// noSuchConflict is what somebody reads whose subject is the name of nothing: what they may have meant, or all that waits.
func noSuchConflict(open []Conflict, subject string) error {
	subjects := make([]string, len(open))
	for i, o := range open {
		subjects[i] = o.Subject
	}
	p := problem(CodeNotFound, "", "nothing that waits is called %s", quote(subject))
	if p.Candidates = nearest(subject, subjects); len(p.Candidates) > 0 {
		p.Hint = "did you mean " + strings.Join(p.Candidates, " or ") + "?"
		return p
	}
	p.Candidates = subjects[:min(len(subjects), maxCandidates)]
	p.Hint = "one of: " + strings.Join(p.Candidates, ", ") + "; muster conflicts lists them"
	return p
}

// findContradiction finds the contradiction that one of whose decisions the value names.
func (c *checker) findContradiction(open []Conflict) (Conflict, error) {
	var all, fit []Conflict
	for _, o := range open {
		if o.Kind != ConflictDecision {
			continue
		}
		all = append(all, o)
		if slices.ContainsFunc(o.Choices, func(ch Choice) bool { return c.meansDecision(ch, c.in.Value) }) {
			fit = append(fit, o)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(all) == 0:
		if o := c.settledBefore(ConflictDecision); o != nil {
			return Conflict{}, c.alreadySettled(o)
		}
		return Conflict{}, refused("muster conflicts lists what waits", "no decisions contradict each other")
	case len(fit) > 1:
		return Conflict{}, problem(CodeAmbiguous, "name the topic instead of decision", "%s begins decisions of %d topics", quote(c.in.Value), len(fit))
	}
	p := problem(CodeNotFound, "type the start of the one to keep", "no decision in conflict begins with %s", quote(c.in.Value))
	for _, o := range all {
		for _, ch := range o.Choices {
			p.Candidates = append(p.Candidates, ch.Label)
		}
	}
	return Conflict{}, p
}

// meansDecision reports whether a value names the decision of a choice: its short id, or the start of its text.
func (c *checker) meansDecision(ch Choice, value string) bool {
	return strings.HasPrefix(loose(ch.Value), loose(value)) || c.shortID(RefDecision, ch.target) == strings.ToLower(value)
}

// findChoice finds the choice that the value means.
func (c *checker) findChoice(conflict Conflict) (Choice, error) {
	value, person := strings.CutPrefix(strings.TrimSpace(c.in.Value), "@")
	me := !person && (strings.EqualFold(value, "y") || strings.EqualFold(value, "me"))
	var fit []Choice
	for _, ch := range conflict.Choices {
		switch {
		case person && ch.person.IsZero():
		case strings.EqualFold(ch.Key, value), strings.EqualFold(ch.Value, value), me && ch.person == c.ctx.Actor:
			return ch, nil
		case conflict.Kind == ConflictStatus && ended(ch.Value) && value == StatusResolved: // whatever it ended as
			return ch, nil
		case conflict.Kind == ConflictDecision && c.meansDecision(ch, value), conflict.Kind == ConflictPosts && c.meansUpdate(ch, value):
			fit = append(fit, ch)
		case !ch.person.IsZero() && value != "" && strings.HasPrefix(strings.ToLower(ch.Value), strings.ToLower(value)):
			fit = append(fit, ch)
		}
	}
	if len(fit) == 1 {
		return fit[0], nil
	}
	if !conflict.target.IsZero() { // a task may be given to anyone
		if p, err := c.person(value); err == nil {
			return Choice{Value: c.reader.who(p), Label: c.reader.who(p) + " has it", person: p}, nil
		}
	}
	p := problem(CodeUsage, "", "%q is no way to settle this", c.in.Value)
	for _, ch := range conflict.Choices {
		p.Candidates = append(p.Candidates, ch.Key)
	}
	p.Hint = "one of: " + strings.Join(p.Candidates, ", ")
	return Choice{}, p
}
