package board

import (
	"fmt"
	"strings"
	"time"

	"muster/crdt"
)

// kindNames are the words for kinds, as the timeline and scripts read them.
var kindNames = [...]struct {
	kind crdt.Kind
	name string
}{
	{KindDeclare, "declare"},
	{KindTitle, "title"},
	{KindSeverity, "sev"},
	{KindStatus, "status"},
	{KindServices, "service"},
	{KindSame, "same"},
	{KindLabels, "label"},
	{KindCriterion, "criterion"},
	{KindMet, "met"},
	{KindTake, "take"},
	{KindOffer, "handoff"},
	{KindWithdraw, "withdraw"},
	{KindAccept, "accept"},
	{KindDecline, "decline"},
	{KindRelease, "release"},
	{KindRole, "role"},
	{KindConfirm, "confirm"},
	{KindTask, "do"},
	{KindAssign, "assign"},
	{KindAck, "ack"},
	{KindRefuse, "no"},
	{KindStuck, "stuck"},
	{KindDone, "done"},
	{KindCancel, "cancel"},
	{KindExtend, "extend"},
	{KindTaskReopen, "reopen"},
	{KindVerify, "verify"},
	{KindAssist, "assist"},
	{KindNote, "note"},
	{KindEdit, "edit"},
	{KindRedact, "redact"},
	{KindPin, "pin"},
	{KindTheory, "hyp"},
	{KindRuleOut, "rule-out"},
	{KindDecide, "decide"},
	{KindObject, "object"},
	{KindRead, "read"},
	{KindRollCall, "par"},
	{KindHere, "here"},
	{KindPage, "page"},
	{KindThanks, "thanks"},
	{KindSaw, "saw"},
	{KindSitrep, "sitrep"},
	{KindUpdate, "update"},
	{KindApprove, "approve"},
	{KindPublish, "publish"},
	{KindPlaybook, "playbook"},
	{KindCheck, "check"},
	{KindSettle, "settle"},
	{crdt.KindWeave, "weave"},
}

// KindName returns the word for a kind: the verb that writes it, where there is one.
func KindName(k crdt.Kind) string {
	for _, n := range kindNames {
		if n.kind == k {
			return n.name
		}
	}
	return "unknown"
}

// Log returns the timeline, oldest first: one entry for every operation but those that only tie heads together.
func (b *Board) Log(people People) []Entry {
	out := make([]Entry, 0, len(b.ops))
	for _, o := range b.all.list() {
		if o.kind != crdt.KindWeave {
			out = append(out, reader{b, people}.entry(o))
		}
	}
	return out
}

// Entry returns the line of the timeline for the operation named h, if it is here and has one.
func (b *Board) Entry(h crdt.Hash, people People) (Entry, bool) {
	o := b.ops[h]
	if o == nil || o.kind == crdt.KindWeave {
		return Entry{}, false
	}
	return reader{b, people}.entry(o), true
}

func (r reader) entry(o *op) Entry {
	e := Entry{
		Op: o.hash, Dot: o.dot(), AtMS: o.wallMS, OccurredMS: occurredOf(o), Actor: r.who(o.person), ActorID: o.person,
		Kind: KindName(o.kind), Ref: r.refOf(o.hash),
	}
	if h, _, ok := targetOf(o.body); ok {
		e.Ref = r.refOf(h)
		if o.kind != KindSettle { // a settlement says it all
			e.About = startOf(r.ops[h])
		}
	}
	e.Text = oneLine(r.entryText(o))
	r.stand(&e, o)
	return e
}

// startOf returns the start of the text that o gave to what it made, so that the line of an answer says what it answers;
// empty where the answer itself says it. What was redacted has no text.
func startOf(o *op) string {
	const most = 30 // characters: a line of the timeline has room for as much beside the answer
	if o == nil {
		return ""
	}
	text := ""
	switch v := o.body.(type) {
	case *taskBody:
		text = v.Text
	case *noteBody:
		text = v.Text
	case *decideBody:
		text = v.Text
	case *theoryBody:
		text = v.Text
	}
	text = oneLine(text)
	if rs := []rune(text); len(rs) > most {
		text = strings.TrimRight(string(rs[:most-3]), " ") + "..."
	}
	return text
}

// with appends a remark to what happened.
func with(what, remark string) string {
	if remark == "" {
		return what
	}
	return what + ": " + remark
}

// entryText says what o did, without its author and time.
func (r reader) entryText(o *op) string {
	switch {
	case o.redact && o.kind == KindNote:
		return "note, redacted"
	case o.erased && o.kind == KindEdit: // whether its note is known here does not matter
		return "revision of a note, redacted"
	case o.erased:
		return KindName(o.kind) + ", its text is not here"
	case o.body == nil:
		return "unknown operation, written by a newer muster or damaged"
	case o.inert && !r.sayable(o):
		return r.inertText(o)
	}
	if s := r.incidentText(o); s != "" {
		return s
	}
	if s := r.workText(o); s != "" {
		return s
	}
	return r.wordsText(o)
}

// incidentText covers what is about the incident and its command.
func (r reader) incidentText(o *op) string {
	switch v := o.body.(type) {
	case *declareBody:
		s := fmt.Sprintf("declared %s, sev %d", quoteAll(v.Title), v.Severity)
		if v.Drill {
			s = "DRILL: " + s
		}
		if len(v.Services) > 0 {
			s += ", " + strings.Join(v.Services, " ")
		}
		if len(v.Labels) > 0 {
			s += ", " + strings.Join(v.Labels, " ")
		}
		return s
	case *titleBody:
		if v.Task.IsZero() {
			return "renamed it " + quoteAll(v.Text)
		}
		return "reworded " + r.refOf(v.Task) + " " + quoteAll(v.Text)
	case *severityBody:
		how := "is"
		switch {
		case v.Severity < v.Was:
			how = "raised to"
		case v.Severity > v.Was:
			how = "lowered to"
		}
		return with(fmt.Sprintf("severity %s %d", how, v.Severity), v.Reason)
	case *statusBody:
		if v.Reopens && v.Status == StatusActive {
			return with("REOPENED", v.Reason)
		}
		return with(strings.ToUpper(v.Status), v.Reason)
	case *servicesBody:
		var parts []string
		for _, s := range v.Add {
			parts = append(parts, "+"+s)
		}
		for _, s := range v.Remove {
			parts = append(parts, "-"+s)
		}
		return "services " + strings.Join(parts, " ")
	case *sameBody:
		if v.Remove {
			return Name(r.doc) + " and " + Name(v.Other) + " are two again"
		}
		return Name(r.doc) + " and " + Name(v.Other) + " are one"
	case *labelsBody:
		return labelsText(v)
	case *criterionBody:
		return "before it is over: " + v.Text
	case *metBody:
		what := "met"
		if v.Remove {
			what = "NOT met"
		}
		return with(quote(criterionText(r.ops[v.Criterion]))+" "+what, v.Text)
	case *takeBody:
		switch v.Mode {
		case TakeVacant:
			return with("TOOK COMMAND", v.Reason)
		case TakeAbsent:
			return with("TOOK COMMAND, acting; the commander was last heard "+span(v.HeardMS)+" before", v.Reason)
		case TakeForced:
			return with("TOOK COMMAND BY FORCE", v.Reason)
		case TakeRequest:
			return with("asked for command", v.Reason)
		}
	case *offerBody:
		if v.ForMS > 0 {
			return with(fmt.Sprintf("offered command to %s for a break of %s", r.who(v.To), span(v.ForMS)), v.Reason)
		}
		return with("offered command to "+r.who(v.To), v.Reason)
	case *withdrawBody:
		return with("took the offer of command back", v.Reason)
	case *acceptBody:
		return r.acceptText(o, v)
	case *confirmBody:
		return "confirmed that " + r.who(r.ops[v.Accept].person) + " commands"
	case *declineBody:
		return with("declined command", v.Reason)
	case *releaseBody:
		return with("LAID DOWN COMMAND", v.Reason)
	case *roleBody:
		if v.Person.IsZero() {
			return "nobody is " + v.Role
		}
		return r.who(v.Person) + " is " + v.Role
	case *settleBody:
		return r.settleText(v)
	}
	return ""
}

func (r reader) settleText(v *settleBody) string {
	chosen := v.Value
	if !v.Person.IsZero() {
		chosen = r.who(v.Person)
	}
	subject := v.Conflict
	switch v.Subject {
	case SubjectTask:
		subject = v.Conflict + " on " + r.refOf(v.Target)
	case SubjectDecision:
		chosen = quoteAll(decisionText(r.ops[v.Target]))
	case SubjectRole:
		subject = v.Topic
	case SubjectResource:
		subject = "hands on " + v.Topic
	case SubjectUpdate:
		subject, chosen = "what "+v.Topic+" is told", quoteAll(r.saysOf(r.ops[v.Target]))
	case SubjectCommand, SubjectStatus:
	}
	return with("SETTLED "+subject+" -> "+chosen, v.Reason)
}

// workText covers tasks.
func (r reader) workText(o *op) string {
	switch v := o.body.(type) {
	case *taskBody:
		s := quoteAll(v.Text)
		switch {
		case v.Owner.IsZero():
			s = "OPEN " + s
		case v.Owner == o.person:
			s = "took " + s
		default:
			s = r.who(v.Owner) + ": " + s
		}
		if v.Resource != "" {
			s += ", on " + v.Resource
		}
		if v.Once {
			s += ", once"
		}
		if v.Vital {
			s += ", VITAL"
		}
		if v.DueMS > 0 {
			s += ", within " + span(v.DueMS-o.wallMS)
		}
		return s
	case *assignBody:
		return "gave it to " + r.who(v.To)
	case *ackBody:
		switch v.Mode {
		case AckAssigned:
			return "acknowledged"
		case AckClaim:
			return "claimed it"
		case AckHeard:
			return "has heard that it is cancelled"
		}
	case *refuseBody:
		return with("said NO", v.Reason)
	case *stuckBody:
		return with("STUCK", v.Reason)
	case *doneBody:
		return with("DONE", v.Result)
	case *cancelBody:
		return with("CANCELLED", v.Reason)
	case *extendBody:
		return "due at " + clock(v.DueMS)
	case *taskReopenBody:
		return with("REOPENED", v.Reason)
	case *verifyBody:
		return with("verified", v.Text)
	case *assistBody:
		if v.Remove {
			return "stopped helping"
		}
		return "helps"
	}
	return ""
}

// wordsText covers notes, decisions and people.
func (r reader) wordsText(o *op) string {
	switch v := o.body.(type) {
	case *noteBody:
		if v.sealed() {
			return r.sealedFor(v)
		}
		return v.Text
	case *editBody:
		return with("revised", v.Text)
	case *redactBody:
		return with("REDACTED", v.Reason)
	case *pinBody:
		if v.Remove {
			return "took it off the top"
		}
		return "keeps it on top"
	case *readBody:
		return "has read it"
	case *theoryBody:
		return "perhaps: " + v.Text
	case *ruleOutBody:
		return with("ruled out", v.Reason)
	case *decideBody:
		if v.Topic != "" {
			return "DECIDED " + v.Text + " (" + v.Topic + ")"
		}
		return "DECIDED " + v.Text
	case *objectBody:
		return "OBJECTS: " + v.Text
	case *rollCallBody:
		return "roll call: who is here?"
	case *hereBody:
		s := v.State
		if !v.Person.IsZero() && v.Person != o.person {
			s = r.who(v.Person) + " is with me: " + s
		}
		if v.Fatigue > 0 {
			s += fmt.Sprintf(", fatigue %d of %d", v.Fatigue, maxFatigue)
		}
		if v.Place != "" {
			s += ", at " + v.Place
		}
		return with(s, v.Text)
	case *pageBody:
		return with("paged "+r.everyone(v.Who), v.Text)
	case *thanksBody:
		return with("thanks "+r.everyone(v.To), v.Text)
	case *sawBody:
		return sawWords(v)
	case *sitrepBody:
		return sitrepWords(v)
	case *updateBody:
		if v.Update.IsZero() {
			return with("drafted for "+v.Audience, v.Text)
		}
		return with("reworded", v.Text)
	case *approveBody:
		return "APPROVED " + quoteAll(r.saysOf(o))
	case *publishBody:
		if v.Where != "" {
			return "PUBLISHED on " + v.Where + " " + quoteAll(r.saysOf(o))
		}
		return "PUBLISHED " + quoteAll(r.saysOf(o))
	case *playbookBody:
		return playbookWords(v)
	case *checkBody:
		return r.checkWords(v)
	}
	return ""
}

func (r reader) everyone(who []PersonID) string {
	names := make([]string, len(who))
	for i, p := range who {
		names[i] = r.who(p)
	}
	return strings.Join(names, ", ")
}

// quoteAll quotes a text whole.
func quoteAll(s string) string { return `"` + oneLine(s) + `"` }

// span returns a duration as people say it: 45s, 20m, 1h30m.
func span(ms int64) string {
	d := time.Duration(max(ms, 0)) * time.Millisecond
	if d >= time.Minute {
		d = d.Round(time.Minute)
	} else {
		d = d.Round(time.Second)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
