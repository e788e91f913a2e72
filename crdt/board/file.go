package board

import "muster/crdt"

// file puts o where the fold looks for it, and returns what it says must be erased.
func (b *Board) file(o *op) []crdt.Hash {
	if b.fileEntity(o) || o.body == nil {
		return nil
	}
	if escalates(b, o) {
		b.escalations.add(o)
		b.statusAt = nil
	}
	switch v := o.body.(type) {
	case *declareBody:
		if crdt.DocID(o.hash) != b.doc {
			o.inert = true
			return nil
		}
		b.found = o
		b.titles.add(o)
		b.severities.add(o)
		b.statuses.add(o)
		b.services.add(o)
		b.labelling.add(o)
		b.addCommand(o)
	case *titleBody:
		if v.Task.IsZero() {
			b.titles.add(o)
		} else {
			b.tasks[v.Task].add(o)
		}
	case *severityBody:
		b.severities.add(o)
	case *statusBody:
		b.addStatus(o)
	case *servicesBody:
		b.services.add(o)
	case *sameBody:
		b.sames.add(o)
	case *labelsBody:
		b.labelling.add(o)
	case *metBody:
		b.criteria[v.Criterion].said.add(o)
	case *pinBody:
		b.noteSaid(v.Note).pins.add(o)
	case *readBody:
		b.decisions[v.Decision].reads.add(o)
	case *takeBody, *offerBody, *withdrawBody, *acceptBody, *declineBody, *releaseBody, *confirmBody:
		b.addCommand(o)
		if o.kind == KindOffer {
			b.addAct(o)
		}
	case *roleBody:
		bagOf(b.roles, v.Role).add(o)
	case *editBody:
		n := b.noteSaid(v.Note)
		n.edits.add(o)
		if n.redacts.ops != nil {
			b.erase(o)
			return []crdt.Hash{o.hash}
		}
	case *redactBody:
		return b.redact(b.noteSaid(v.Note), o)
	case *ruleOutBody:
		b.theories[v.Theory].ends.add(o)
	case *objectBody:
		b.decisions[v.Decision].objections.add(o)
	case *rollCallBody:
		b.rollCalls.add(o)
	case *hereBody:
		b.checkIns.add(o)
		b.statusAt = nil
		if v.State == HereLeaving && v.Person.IsZero() {
			b.leaving.add(o)
		}
	case *pageBody:
		b.pages.add(o)
	case *thanksBody:
		b.thanks.add(o)
	case *sitrepBody:
		bagOf(b.sitreps, v.Field).add(o)
	case *sawBody:
		b.resourceOf(v.Resource).saws.add(o)
	case *updateBody:
		b.fileUpdate(o, v)
	case *approveBody:
		b.fileWord(o, v.Update, v.Revision)
	case *publishBody:
		b.fileWord(o, v.Update, v.Revision)
	case *playbookBody:
		b.fileRun(o, v)
	case *checkBody:
		b.fileCheck(o, v)
	case *settleBody:
		b.fileSettle(o, v)
	default:
		b.fileTaskOp(o)
	}
	return nil
}

// fileEntity files an operation that makes something with a short id, and reports whether o does that. Something whose
// body is gone stays as a tombstone; a body that cannot be read makes nothing, except a note, which must stay there to
// be redacted.
func (b *Board) fileEntity(o *op) bool {
	switch o.kind {
	case KindTask, KindNote, KindDecide, KindTheory, KindCriterion:
	default:
		return false
	}
	if o.body == nil && !o.erased && o.kind != KindNote {
		o.inert = true
		return true
	}
	switch o.kind {
	case KindTask:
		t := b.tasks[o.hash]
		if t == nil {
			t = &task{op: o}
			b.tasks[o.hash] = t
			b.taskList.add(o)
			b.ids[RefTask].add(o.hash)
			t.bag.add(o)
		}
		t.fold = nil
		if v, ok := o.body.(*taskBody); ok {
			b.addWork(o)
			if !v.Owner.IsZero() && v.Owner != o.person {
				b.addOrder(o)
			}
			if v.Vital {
				b.escalations.add(o)
			}
			if v.Resource != "" {
				b.resourceOf(v.Resource).tasks.add(o)
			}
		}
	case KindNote:
		b.noteList.add(o) // each is filed once
		b.ids[RefNote].add(o.hash)
		if v, ok := o.body.(*noteBody); ok && v.Kind == NoteBroken {
			b.escalations.add(o)
		}
		b.statusAt = nil
	case KindDecide:
		if b.decisions[o.hash] == nil {
			b.decisions[o.hash] = &decision{op: o}
			b.decisionList.add(o)
			b.ids[RefDecision].add(o.hash)
		}
		if v, ok := o.body.(*decideBody); ok {
			if v.Topic != "" {
				bagOf(b.topics, topicKey(v.Topic)).add(o)
			}
			b.addAct(o)
		}
	case KindCriterion:
		b.fileCriterion(o)
	case KindTheory:
		if b.theories[o.hash] == nil {
			b.theories[o.hash] = &theory{op: o}
			b.theoryList.add(o)
			b.ids[RefTheory].add(o.hash)
		}
	}
	return true
}

// fileTaskOp files an operation about a task.
func (b *Board) fileTaskOp(o *op) {
	h, _, _ := targetOf(o.body)
	b.tasks[h].add(o)
	switch v := o.body.(type) {
	case *assignBody:
		if v.To != o.person {
			b.addOrder(o)
		}
	case *ackBody, *doneBody:
		b.addWork(o)
	}
}

// fileSettle files a settlement with its subject.
func (b *Board) fileSettle(o *op, v *settleBody) {
	if v.Subject == SubjectUpdate && b.updateOf[v.Target] == nil { // what it names has lost its text, or is a text of nothing
		o.inert = true
		return
	}
	b.settles.add(o)
	b.addAct(o)
	switch v.Subject {
	case SubjectCommand:
		b.addCommand(o)
		if splits(o) {
			bagOf(b.roles, RoleTeamLead).add(o)
		}
	case SubjectStatus:
		b.addStatus(o)
	case SubjectTask:
		b.tasks[v.Target].add(o)
	case SubjectDecision:
		if d, ok := b.ops[v.Target].body.(*decideBody); ok && d.Topic != "" {
			bagOf(b.topics, topicKey(d.Topic)).add(o)
		}
	case SubjectRole:
		bagOf(b.roles, v.Topic).add(o)
	case SubjectResource:
		b.resourceOf(v.Topic).settles.add(o)
	case SubjectUpdate:
		b.fileStands(o, v)
	}
}

func (b *Board) addCommand(o *op) {
	b.command.add(o)
	b.commandAt = nil
}

func (b *Board) addStatus(o *op) {
	b.statuses.add(o)
	b.statusAt = nil
}

func (b *Board) addWork(o *op) {
	b.work.add(o)
	b.statusAt = nil
}

// addOrder files an order: something the author told another person to do.
func (b *Board) addOrder(o *op) {
	bagOf(b.orders, o.person).add(o)
	b.addAct(o)
}

func (b *Board) addAct(o *op) {
	bagOf(b.acts, o.person).add(o)
	b.commandAt = nil
}

// erase drops the body of o for good.
func (b *Board) erase(o *op) {
	if o.unread() {
		b.unknown--
	}
	b.remindOf(o)
	o.body, o.erased, o.redact = nil, true, true
}

// redact erases a note and its revisions, for good.
func (b *Board) redact(n *note, o *op) []crdt.Hash {
	n.redacts.add(o)
	b.redactions.add(o)
	b.statusAt = nil
	var out []crdt.Hash
	for _, x := range append([]*op{n.op}, n.edits.list()...) {
		if !x.erased {
			out = append(out, x.hash)
		}
		b.erase(x)
	}
	return append(out, b.redactShade(n.op.hash)...)
}

// Erasures returns every operation whose body must be erased, in the order of the timeline, for a node that starts.
func (b *Board) Erasures() []crdt.Hash {
	var out []crdt.Hash
	for _, o := range b.noteList.list() {
		n := b.note(o.hash)
		if n.redacts.ops == nil {
			continue
		}
		out = append(out, o.hash)
		for _, e := range n.edits.list() {
			out = append(out, e.hash)
		}
	}
	return append(out, b.shadeErasures()...)
}
