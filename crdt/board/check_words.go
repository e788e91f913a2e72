package board

func (c *checker) note() (Draft, error) {
	body := &noteBody{Text: c.say, Kind: c.in.Kind, OccurredMS: c.in.AtMS}
	if err := c.checkSealed(); err != nil {
		return Draft{}, err
	}
	if len(c.in.Sealed) > 0 {
		body.For, body.Sealed = c.in.SealedFor, c.in.Sealed
		body.Text = c.sealedFor(body)
		return c.made(KindNote, RefNote, body, "noted, "+body.Text), nil
	}
	return c.made(KindNote, RefNote, body, "noted"), nil
}

// noteOf returns the note that o made.
func (c *checker) noteOf(o *op) *note { return c.reader.note(o.hash) }

func (c *checker) edit() (Draft, error) {
	o, err := c.find(RefNote, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id := c.shortID(RefNote, o.hash)
	n := c.noteOf(o)
	switch {
	case len(n.redacts.ops) > 0:
		return Draft{}, refused("write a new one without what was redacted", "%s was redacted, by %s", id, c.by(n.redacts.list()[0]))
	case c.say != "" && isSealed(n.op):
		return Draft{}, refused("seal a new one, then: muster redact "+id+` "why"`, "%s is sealed, and a revision of its text would be for everybody", id)
	case c.say == "" && c.in.Kind == "" && c.in.AtMS == 0:
		return Draft{}, usage(`muster edit `+id+` "new text"`, "say what to change: the text, the kind or the time")
	}
	body := &editBody{Note: o.hash, Text: c.say, Kind: c.in.Kind, OccurredMS: c.in.AtMS}
	return about(KindEdit, body, id, id+" revised"), nil
}

// redact erases a note everywhere. Its author, a commander, a scribe and a steward may.
func (c *checker) redact() (Draft, error) {
	if o := c.asideNote(c.in.Ref); o != nil {
		return c.redactAside(o)
	}
	o, err := c.find(RefNote, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id := c.shortID(RefNote, o.hash)
	switch {
	case len(c.noteOf(o).redacts.ops) > 0:
		return Draft{}, refused("", "%s is redacted already, by %s", id, c.by(c.noteOf(o).redacts.list()[0]))
	case !c.mayRedact(o):
		return Draft{}, refused("", "only %s, the commander, a scribe or a steward can redact %s", c.reader.who(o.person), id)
	}
	if err := c.confirm("%s is erased on every laptop and nobody can bring it back; redact it?", id); err != nil {
		return Draft{}, err
	}
	c.warnQuoted(c.noteOf(o))
	return about(KindRedact, &redactBody{Note: o.hash, Reason: c.say}, id, id+" redacted"), nil
}

func (c *checker) ruleOut() (Draft, error) {
	o, err := c.find(RefTheory, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id := c.shortID(RefTheory, o.hash)
	if ends := c.theories[o.hash].ends.list(); len(ends) > 0 {
		return Draft{}, refused("", "%s was ruled out by %s", id, c.by(ends[0]))
	}
	return about(KindRuleOut, &ruleOutBody{Theory: o.hash, Reason: c.say}, id, with(id+" ruled out", c.say)), nil
}

func (c *checker) decide() (Draft, error) {
	topic := c.subjectTopic(oneLine(clean(c.in.Topic)))
	if err := fits("decision", c.say, maxLineBytes); err != nil {
		return Draft{}, err
	}
	if err := fits("topic", topic, maxNameBytes); err != nil {
		return Draft{}, err
	}
	if topic != "" {
		for _, d := range c.foldTopic(topicKey(topic)).standing {
			c.notef("it replaces %s %s (%s)", c.shortID(RefDecision, d.hash), quote(decisionText(d)), c.by(d))
		}
	}
	body := &decideBody{Text: oneLine(c.say), Topic: topic}
	return c.made(KindDecide, RefDecision, body, "decided "+quoteAll(c.say)), nil
}

func (c *checker) object() (Draft, error) {
	o, err := c.find(RefDecision, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id := c.shortID(RefDecision, o.hash)
	return about(KindObject, &objectBody{Decision: o.hash, Text: c.say}, id, quote(decisionText(o))+": you object: "+c.say), nil
}

func (c *checker) par() (Draft, error) {
	c.notef("everyone answers with: muster here")
	return about(KindRollCall, &rollCallBody{DueMS: c.due()}, Name(c.doc), "roll call"), nil
}

func (c *checker) here() (Draft, error) {
	body := &hereBody{State: c.in.Value, Fatigue: c.in.Fatigue, Text: c.say, Place: oneLine(clean(c.in.Place))}
	if err := fits("place", body.Place, maxNameBytes); err != nil {
		return Draft{}, err
	}
	if body.State == "" {
		body.State = HereOK
	}
	text := "you are here: " + body.State
	if len(c.who) > 0 && c.who[0] != c.ctx.Actor {
		body.Person = c.who[0]
		text = c.reader.who(c.who[0]) + " is with you: " + body.State
	}
	if body.State == HereLeaving && body.Person.IsZero() {
		c.leavingNotes()
	}
	return about(KindHere, body, Name(c.doc), text), nil
}

// leavingNotes reminds somebody who leaves of what they still hold.
func (c *checker) leavingNotes() {
	for _, o := range c.taskList.list() {
		if t := c.taskCheckOf(o); !t.over() && t.mine != nil {
			c.notef("you still have %s: muster no %s", t.named(), t.id)
		}
	}
	if c.foldCommand().holds(c.ctx.Actor) {
		c.notef("you still command: muster handoff @name")
	}
}

func (c *checker) page() (Draft, error) {
	for _, p := range c.who {
		c.warnAway(p, "this board cannot wake them, telephone")
	}
	return about(KindPage, &pageBody{Who: c.who, Text: c.say}, Name(c.doc), "paged "+c.everyone(c.who)), nil
}

func (c *checker) thank() (Draft, error) {
	return about(KindThanks, &thanksBody{To: c.who, Text: c.say}, Name(c.doc), "thanked "+c.everyone(c.who)), nil
}
