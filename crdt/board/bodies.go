package board

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"muster/crdt"
)

// decodeBody reads the body of an operation of kind k. The error says that the operation is inert: of an unknown kind,
// malformed, or with a value of a later version.
func decodeBody(k crdt.Kind, b []byte) (any, error) {
	v := newBody(k)
	if v == nil {
		return nil, fmt.Errorf("kind %d: %w", k, errValue)
	}
	if err := crdt.DecodeBody(b, v); err != nil {
		return nil, err
	}
	if !known(v) {
		return nil, fmt.Errorf("kind %d: %w", k, errValue)
	}
	cleanBody(v)
	return v, nil
}

// known reports whether every value in a body has a meaning for this version's fold.
func known(v any) bool {
	switch b := v.(type) {
	case *declareBody:
		return b.Severity >= 1 && b.Severity <= maxSeverity
	case *severityBody:
		return b.Severity >= 1 && b.Severity <= maxSeverity
	case *statusBody:
		return slices.Contains(statuses[:], b.Status)
	case *takeBody:
		return b.Mode >= TakeVacant && b.Mode <= TakeRequest
	case *offerBody:
		return !b.To.IsZero() && b.ForMS >= 0 && b.ForMS <= maxForMS && b.LapseMS >= 0 && b.LapseMS <= maxForMS
	case *assignBody:
		return !b.To.IsZero()
	case *ackBody:
		return b.Mode >= AckAssigned && b.Mode <= AckHeard
	case *noteBody:
		return !b.sealed() || len(b.For) > 0
	case *roleBody:
		return b.Role != ""
	case *hereBody:
		return b.State != "" && b.Fatigue >= 0 && b.Fatigue <= maxFatigue
	case *sawBody:
		return b.Resource != "" && slices.Contains(resourceStates[:], b.State)
	case *sitrepBody:
		return slices.Contains(sitrepFields[:], b.Field) && (b.Field == SitrepNext) == (b.AtMS > 0)
	case *playbookBody:
		return b.Name != "" && len(b.Items) > 0 && len(b.Items) <= maxItems
	case *checkBody:
		return b.Item > 0 && b.Item <= maxItems
	case *settleBody:
		switch b.Subject {
		case SubjectResource:
			return !b.Person.IsZero() && b.Topic != ""
		case SubjectUpdate:
			return true
		case SubjectCommand, SubjectRole:
			return !b.Person.IsZero()
		case SubjectStatus:
			return slices.Contains(statuses[:], b.Value)
		case SubjectTask:
			return !b.Person.IsZero() || b.Value == TaskDone || b.Value == TaskCancelled
		case SubjectDecision:
			return true
		}
		return false
	}
	return true
}

// targetOf returns the operation that made the thing a body is about, and the kind that operation must have. ok is false
// for bodies about the incident itself. Where an offer is wanted, the acceptance of a break is one, of command back.
func targetOf(v any) (h crdt.Hash, k crdt.Kind, ok bool) {
	switch b := v.(type) {
	case *titleBody:
		return b.Task, KindTask, !b.Task.IsZero()
	case *withdrawBody:
		return b.Offer, KindOffer, true
	case *acceptBody:
		return b.Offer, KindOffer, true
	case *declineBody:
		return b.Offer, KindOffer, true
	case *confirmBody:
		return b.Accept, KindAccept, true
	case *assignBody:
		return b.Task, KindTask, true
	case *ackBody:
		return b.Task, KindTask, true
	case *refuseBody:
		return b.Task, KindTask, true
	case *stuckBody:
		return b.Task, KindTask, true
	case *doneBody:
		return b.Task, KindTask, true
	case *cancelBody:
		return b.Task, KindTask, true
	case *extendBody:
		return b.Task, KindTask, true
	case *taskReopenBody:
		return b.Task, KindTask, true
	case *verifyBody:
		return b.Task, KindTask, true
	case *assistBody:
		return b.Task, KindTask, true
	case *editBody:
		return b.Note, KindNote, true
	case *redactBody:
		return b.Note, KindNote, true
	case *ruleOutBody:
		return b.Theory, KindTheory, true
	case *objectBody:
		return b.Decision, KindDecide, true
	case *updateBody:
		return b.Update, KindUpdate, !b.Update.IsZero()
	case *approveBody:
		return b.Update, KindUpdate, true
	case *publishBody:
		return b.Update, KindUpdate, true
	case *checkBody:
		return b.Run, KindPlaybook, true
	case *pinBody:
		return b.Note, KindNote, true
	case *readBody:
		return b.Decision, KindDecide, true
	case *metBody:
		return b.Criterion, KindCriterion, true
	case *settleBody:
		switch b.Subject {
		case SubjectTask:
			return b.Target, KindTask, true
		case SubjectDecision:
			return b.Target, KindDecide, true
		case SubjectUpdate:
			return b.Target, KindUpdate, true
		case SubjectCommand, SubjectStatus, SubjectRole, SubjectResource:
		}
	}
	return crdt.Hash{}, 0, false
}

// cleanBody replaces, in every text of a body, what a terminal or a reader could be fooled with. Texts come from other
// people's machines; they are made harmless once, where they enter.
func cleanBody(v any) {
	var texts []*string
	switch b := v.(type) {
	case *declareBody:
		texts = append(texts, &b.Title)
		cleanAll(b.Services)
		cleanAll(b.Labels)
	case *labelsBody:
		cleanAll(b.Add)
		cleanAll(b.Remove)
	case *criterionBody:
		texts = append(texts, &b.Text)
	case *metBody:
		texts = append(texts, &b.Text)
	case *titleBody:
		texts = append(texts, &b.Text)
	case *severityBody:
		texts = append(texts, &b.Reason)
	case *statusBody:
		texts = append(texts, &b.Reason)
	case *servicesBody:
		cleanAll(b.Add)
		cleanAll(b.Remove)
	case *takeBody:
		texts = append(texts, &b.Reason)
	case *offerBody:
		texts = append(texts, &b.Reason)
	case *withdrawBody:
		texts = append(texts, &b.Reason)
	case *acceptBody:
		texts = append(texts, &b.ReadBack)
	case *declineBody:
		texts = append(texts, &b.Reason)
	case *releaseBody:
		texts = append(texts, &b.Reason)
	case *roleBody:
		texts = append(texts, &b.Role)
	case *taskBody:
		texts = append(texts, &b.Text, &b.Resource)
	case *refuseBody:
		texts = append(texts, &b.Reason)
	case *stuckBody:
		texts = append(texts, &b.Reason)
	case *doneBody:
		texts = append(texts, &b.Result)
	case *cancelBody:
		texts = append(texts, &b.Reason)
	case *taskReopenBody:
		texts = append(texts, &b.Reason)
	case *verifyBody:
		texts = append(texts, &b.Text)
	case *noteBody:
		texts = append(texts, &b.Text, &b.Kind)
	case *editBody:
		texts = append(texts, &b.Text, &b.Kind)
	case *redactBody:
		texts = append(texts, &b.Reason)
	case *theoryBody:
		texts = append(texts, &b.Text)
	case *ruleOutBody:
		texts = append(texts, &b.Reason)
	case *decideBody:
		texts = append(texts, &b.Text, &b.Topic)
	case *objectBody:
		texts = append(texts, &b.Text)
	case *hereBody:
		texts = append(texts, &b.State, &b.Text, &b.Place)
	case *pageBody:
		texts = append(texts, &b.Text)
	case *thanksBody:
		texts = append(texts, &b.Text)
	case *sawBody:
		texts = append(texts, &b.Resource, &b.State, &b.From, &b.Text)
	case *sitrepBody:
		texts = append(texts, &b.Field, &b.Text)
	case *updateBody:
		texts = append(texts, &b.Audience, &b.Text)
	case *publishBody:
		texts = append(texts, &b.Where)
	case *playbookBody:
		texts = append(texts, &b.Name)
		cleanAll(b.Items)
	case *checkBody:
		texts = append(texts, &b.Text)
	case *settleBody:
		texts = append(texts, &b.Conflict, &b.Topic, &b.Value, &b.Reason)
	}
	for _, t := range texts {
		*t = clean(*t)
	}
}

func cleanAll(texts []string) {
	for i, t := range texts {
		texts[i] = clean(t)
	}
}

// clean replaces control characters but line feed and tab, and the characters that turn the direction of writing.
func clean(s string) string {
	if !strings.ContainsFunc(s, deceives) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if deceives(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func deceives(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 ||
		r == 0x200E || r == 0x200F || r == 0x061C
}
