package board

import (
	"errors"

	"muster/crdt"
)

// A PersonID names a responder: the operation of the team document that made them a member.
type PersonID = crdt.Hash

// Kinds of operations of an incident. Numbers are never reused. Each comment says what the body means; the fields are
// beside the body struct of the same name.
const (
	KindDeclare  crdt.Kind = 64 // founds the incident and, unless it says otherwise, its first term of command
	KindTitle    crdt.Kind = 65 // renames the incident or a task
	KindSeverity crdt.Kind = 66 // writes the severity
	KindStatus   crdt.Kind = 67 // writes the status: progress, resolve, close, reopen
	KindServices crdt.Kind = 68 // adds or removes affected services
	KindSame     crdt.Kind = 69 // says that another incident is this one, or no longer

	KindLabels    crdt.Kind = 70 // adds or removes labels
	KindCriterion crdt.Kind = 71 // says what must hold before the incident is over

	KindTake     crdt.Kind = 72 // takes command, or asks for it
	KindOffer    crdt.Kind = 73 // offers command to somebody
	KindWithdraw crdt.Kind = 74 // takes an offer back
	KindAccept   crdt.Kind = 75 // answers an offer with a read-back or ticks; ends the offerer's term, and offers command back after a break
	KindDecline  crdt.Kind = 76 // answers an offer with no
	KindRelease  crdt.Kind = 77 // ends the author's terms
	KindRole     crdt.Kind = 78 // gives a role to somebody, or to nobody
	KindConfirm  crdt.Kind = 79 // who handed over command has seen the acceptance

	KindTask       crdt.Kind = 80 // an order or a piece of work
	KindAssign     crdt.Kind = 81 // gives an existing task to somebody
	KindAck        crdt.Kind = 82 // acknowledges, claims, or has heard of a cancellation
	KindRefuse     crdt.Kind = 83 // says no to a task, before or after it was acknowledged
	KindStuck      crdt.Kind = 84 // says what a task waits for
	KindDone       crdt.Kind = 85 // reports a result
	KindCancel     crdt.Kind = 86 // calls a task off
	KindExtend     crdt.Kind = 87 // writes when a task is due
	KindTaskReopen crdt.Kind = 88 // a task that was done or cancelled is to be done after all
	KindVerify     crdt.Kind = 89 // somebody looked, and it is done
	KindAssist     crdt.Kind = 90 // the author helps with a task, or no longer

	KindNote   crdt.Kind = 96 // a remark
	KindEdit   crdt.Kind = 97 // a revision of a note
	KindRedact crdt.Kind = 98 // erases a note and its revisions everywhere, for good
	KindPin    crdt.Kind = 99 // keeps a note on top, or no longer

	KindTheory  crdt.Kind = 100 // a hypothesis
	KindRuleOut crdt.Kind = 101 // ends a hypothesis
	KindDecide  crdt.Kind = 102 // a decision
	KindObject  crdt.Kind = 103 // an objection to a decision

	KindRollCall crdt.Kind = 104 // asks everyone to check in
	KindHere     crdt.Kind = 105 // a check-in
	KindPage     crdt.Kind = 106 // calls for somebody
	KindThanks   crdt.Kind = 107 // appreciation, kept for the review
	KindSaw      crdt.Kind = 108 // how a resource looks from where the author is
	KindSitrep   crdt.Kind = 109 // writes one field of the situation report
	KindRead     crdt.Kind = 110 // the author has read a decision
	KindMet      crdt.Kind = 111 // an exit criterion holds, or does not

	KindSettle crdt.Kind = 112 // a human ends a conflict

	KindUpdate   crdt.Kind = 113 // drafts a public update, or rewords one
	KindApprove  crdt.Kind = 114 // says that a text may be published
	KindPublish  crdt.Kind = 115 // says that a text was published, and where
	KindPlaybook crdt.Kind = 116 // starts a run of a checklist
	KindCheck    crdt.Kind = 117 // an item of a run was done, or is left out
)

// Statuses, in the order of progress. The last three end an incident without its having been worked.
const (
	StatusActive        = "active"
	StatusInvestigating = "investigating"
	StatusIdentified    = "identified"
	StatusMitigated     = "mitigated"
	StatusResolved      = "resolved"
	StatusClosed        = "closed"
	StatusDuplicate     = "duplicate"
	StatusCancelled     = "cancelled"
	StatusDeclined      = "declined"
)

// Kinds of notes.
const (
	NoteObservation = "obs"
	NoteAction      = "act"
	NoteRisk        = "risk"
	NoteTodo        = "todo"
	NoteComms       = "comms"
	NoteHandoff     = "handoff"
	NoteBroken      = "broken" // still broken, as seen by the author: contests a concurrent resolve
)

// Answers to a roll call.
const (
	HereOK      = "ok"
	HereBusy    = "busy"
	HereRelief  = "relief" // needs somebody to take over
	HereHelp    = "help"   // needs help
	HereLeaving = "leaving"
)

// TakeMode says on what ground command is taken.
type TakeMode uint8

// Take modes. The mode is what the author saw; it is signed, so that presence never has to be replicated.
const (
	TakeVacant  TakeMode = 1 // nobody commanded
	TakeAbsent  TakeMode = 2 // the holders could not be reached: acting, their terms go on
	TakeForced  TakeMode = 3 // a holder could be reached; the reason is in the body, and it is a conflict
	TakeRequest TakeMode = 4 // a holder could be reached: only asks
)

// AckMode says what an acknowledgement means.
type AckMode uint8

// Acknowledgement modes.
const (
	AckAssigned AckMode = 1 // by somebody it was given to
	AckClaim    AckMode = 2 // by anybody else: takes it over from all whom the author saw working on it
	AckHeard    AckMode = 3 // of a cancellation
)

// Subject says what a settlement is about.
type Subject uint8

// Subjects of settlements.
const (
	SubjectCommand  Subject = 1 // Person commands; Value teams: and the other claimants lead sub-teams
	SubjectStatus   Subject = 2 // Value is the status
	SubjectTask     Subject = 3 // Target is the task; Value is done or cancelled, or Person has it
	SubjectDecision Subject = 4 // Target is the decision that stands
	SubjectRole     Subject = 5 // Topic is the role; Person has it
	SubjectResource Subject = 6 // Topic is the resource; Person has hands on it
	SubjectUpdate   Subject = 7 // Target is the draft or revision that stands
)

// Bodies. Texts are UTF-8 of at most crdt.MaxTextBytes, people are PersonIDs, references are operations in the past of
// the one that carries them, times are Unix milliseconds.
type (
	declareBody struct {
		Title       string   `cbor:"1,keyasint,omitempty"`
		Severity    int      `cbor:"2,keyasint,omitempty"` // 1 is worst, 5 least
		Services    []string `cbor:"3,keyasint,omitempty"`
		NoCommander bool     `cbor:"4,keyasint,omitempty"` // the author does not command
		Drill       bool     `cbor:"5,keyasint,omitempty"` // an exercise
		Labels      []string `cbor:"6,keyasint,omitempty"` // "region=eu", "alert=" and a fingerprint
	}
	titleBody struct {
		Text string    `cbor:"1,keyasint,omitempty"`
		Task crdt.Hash `cbor:"2,keyasint,omitzero"` // zero: the incident
	}
	severityBody struct {
		Severity int    `cbor:"1,keyasint,omitempty"`
		Was      int    `cbor:"2,keyasint,omitempty"` // shown to the author; a smaller Severity is a raise
		Reason   string `cbor:"3,keyasint,omitempty"`
	}
	statusBody struct {
		Status  string `cbor:"1,keyasint,omitempty"`
		Reason  string `cbor:"2,keyasint,omitempty"`
		Reopens bool   `cbor:"3,keyasint,omitempty"` // the author saw a later stage and went back
	}
	servicesBody struct {
		Add    []string `cbor:"1,keyasint,omitempty"`
		Remove []string `cbor:"2,keyasint,omitempty"`
	}
	sameBody struct {
		Other  crdt.DocID `cbor:"1,keyasint,omitzero"`
		Remove bool       `cbor:"2,keyasint,omitempty"`
	}
	labelsBody struct {
		Add    []string `cbor:"1,keyasint,omitempty"`
		Remove []string `cbor:"2,keyasint,omitempty"`
	}
	criterionBody struct {
		Text string `cbor:"1,keyasint,omitempty"`
	}
	takeBody struct {
		Mode    TakeMode `cbor:"1,keyasint,omitempty"`
		Reason  string   `cbor:"2,keyasint,omitempty"`
		HeardMS int64    `cbor:"3,keyasint,omitempty"` // TakeAbsent: how long before the author had last heard a holder
	}
	offerBody struct {
		To      PersonID `cbor:"1,keyasint,omitzero"`
		Reason  string   `cbor:"2,keyasint,omitempty"`
		ForMS   int64    `cbor:"3,keyasint,omitempty"` // a break: how long the author means to be away
		LapseMS int64    `cbor:"4,keyasint,omitempty"` // how long the author means it to stand; 0: no end
	}
	withdrawBody struct {
		Offer  crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	acceptBody struct {
		Offer    crdt.Hash   `cbor:"1,keyasint,omitzero"`
		ReadBack string      `cbor:"2,keyasint,omitempty"`
		Ticks    []crdt.Hash `cbor:"3,keyasint,omitempty"` // open items of the briefing that the author has read, in place of a read-back
	}
	declineBody struct {
		Offer  crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	confirmBody struct {
		Accept crdt.Hash `cbor:"1,keyasint,omitzero"`
	}
	releaseBody struct {
		Reason string `cbor:"1,keyasint,omitempty"`
	}
	roleBody struct {
		Role   string   `cbor:"1,keyasint,omitempty"`
		Person PersonID `cbor:"2,keyasint,omitzero"` // zero: nobody
	}
	taskBody struct {
		Text     string   `cbor:"1,keyasint,omitempty"`
		Owner    PersonID `cbor:"2,keyasint,omitzero"` // zero: open; the author: claimed
		DueMS    int64    `cbor:"3,keyasint,omitempty"`
		Once     bool     `cbor:"4,keyasint,omitempty"` // must not run twice
		Vital    bool     `cbor:"5,keyasint,omitempty"`
		Resource string   `cbor:"6,keyasint,omitempty"` // what the work has its hands on
	}
	assignBody struct {
		Task  crdt.Hash `cbor:"1,keyasint,omitzero"`
		To    PersonID  `cbor:"2,keyasint,omitzero"`
		DueMS int64     `cbor:"3,keyasint,omitempty"`
	}
	ackBody struct {
		Task crdt.Hash `cbor:"1,keyasint,omitzero"`
		Mode AckMode   `cbor:"2,keyasint,omitempty"`
	}
	refuseBody struct {
		Task   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	stuckBody struct {
		Task   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	doneBody struct {
		Task   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Result string    `cbor:"2,keyasint,omitempty"`
		Claim  bool      `cbor:"3,keyasint,omitempty"` // it was not the author's: takes it over, as AckClaim does
	}
	cancelBody struct {
		Task   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	extendBody struct {
		Task  crdt.Hash `cbor:"1,keyasint,omitzero"`
		DueMS int64     `cbor:"2,keyasint,omitempty"`
	}
	taskReopenBody struct {
		Task   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	verifyBody struct {
		Task crdt.Hash `cbor:"1,keyasint,omitzero"`
		Text string    `cbor:"2,keyasint,omitempty"`
	}
	assistBody struct {
		Task   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Remove bool      `cbor:"2,keyasint,omitempty"`
	}
	noteBody struct {
		Text       string `cbor:"1,keyasint,omitempty"`
		Kind       string `cbor:"2,keyasint,omitempty"` // obs, act, risk, todo, comms, handoff, broken, or one of a later version
		OccurredMS int64  `cbor:"3,keyasint,omitempty"` // when it happened, by the author's account

		For    []PersonID `cbor:"4,keyasint,omitempty"` // of a sealed note; see [Sealed]
		Sealed []byte     `cbor:"5,keyasint,omitempty"`
	}
	editBody struct {
		Note       crdt.Hash `cbor:"1,keyasint,omitzero"`
		Text       string    `cbor:"2,keyasint,omitempty"` // empty: unchanged
		Kind       string    `cbor:"3,keyasint,omitempty"` // one more kind
		OccurredMS int64     `cbor:"4,keyasint,omitempty"`
	}
	redactBody struct {
		Note   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	pinBody struct {
		Note   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Remove bool      `cbor:"2,keyasint,omitempty"`
	}
	theoryBody struct {
		Text string `cbor:"1,keyasint,omitempty"`
	}
	ruleOutBody struct {
		Theory crdt.Hash `cbor:"1,keyasint,omitzero"`
		Reason string    `cbor:"2,keyasint,omitempty"`
	}
	decideBody struct {
		Text  string `cbor:"1,keyasint,omitempty"`
		Topic string `cbor:"2,keyasint,omitempty"` // empty: contradicts nothing
	}
	objectBody struct {
		Decision crdt.Hash `cbor:"1,keyasint,omitzero"`
		Text     string    `cbor:"2,keyasint,omitempty"`
	}
	readBody struct {
		Decision crdt.Hash `cbor:"1,keyasint,omitzero"`
	}
	metBody struct {
		Criterion crdt.Hash `cbor:"1,keyasint,omitzero"`
		Text      string    `cbor:"2,keyasint,omitempty"` // how the author knows
		Remove    bool      `cbor:"3,keyasint,omitempty"` // it does not hold
	}
	rollCallBody struct {
		DueMS int64 `cbor:"1,keyasint,omitempty"`
	}
	hereBody struct {
		State   string   `cbor:"1,keyasint,omitempty"` // ok, busy, relief, help, leaving, or one of a later version
		Fatigue int      `cbor:"2,keyasint,omitempty"` // 1 fresh to 5 spent
		Person  PersonID `cbor:"3,keyasint,omitzero"`  // zero: the author; else the author vouches for somebody
		Text    string   `cbor:"4,keyasint,omitempty"`
		Place   string   `cbor:"5,keyasint,omitempty"` // where they are
	}
	pageBody struct {
		Who  []PersonID `cbor:"1,keyasint,omitempty"`
		Text string     `cbor:"2,keyasint,omitempty"`
	}
	sawBody struct {
		Resource string `cbor:"1,keyasint,omitempty"`
		State    string `cbor:"2,keyasint,omitempty"` // up, degraded, down, unknown
		From     string `cbor:"3,keyasint,omitempty"` // the place it is seen from
		Text     string `cbor:"4,keyasint,omitempty"`
	}
	sitrepBody struct {
		Field string `cbor:"1,keyasint,omitempty"`
		Text  string `cbor:"2,keyasint,omitempty"`
		AtMS  int64  `cbor:"3,keyasint,omitempty"` // of next
	}
	updateBody struct {
		Update   crdt.Hash `cbor:"1,keyasint,omitzero"`  // zero: a new one
		Audience string    `cbor:"2,keyasint,omitempty"` // of a new one
		Text     string    `cbor:"3,keyasint,omitempty"`
	}
	approveBody struct {
		Update   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Revision crdt.Hash `cbor:"2,keyasint,omitzero"` // the draft itself, or a revision of it
	}
	publishBody struct {
		Update   crdt.Hash `cbor:"1,keyasint,omitzero"`
		Revision crdt.Hash `cbor:"2,keyasint,omitzero"`
		Where    string    `cbor:"3,keyasint,omitempty"`
	}
	playbookBody struct {
		Name  string   `cbor:"1,keyasint,omitempty"`
		Items []string `cbor:"2,keyasint,omitempty"`
	}
	checkBody struct {
		Run  crdt.Hash `cbor:"1,keyasint,omitzero"`  // an operation that started it
		Item int       `cbor:"2,keyasint,omitempty"` // from 1
		Skip bool      `cbor:"3,keyasint,omitempty"` // it is left out
		Text string    `cbor:"4,keyasint,omitempty"`
	}
	thanksBody struct {
		To   []PersonID `cbor:"1,keyasint,omitempty"`
		Text string     `cbor:"2,keyasint,omitempty"`
	}
	// settleBody replaces everything about its subject that its author had seen. Heads are the operations that stood
	// against each other, for display.
	settleBody struct {
		Subject  Subject     `cbor:"1,keyasint,omitempty"`
		Conflict string      `cbor:"2,keyasint,omitempty"` // kind of the conflict, see the Conflict constants
		Target   crdt.Hash   `cbor:"3,keyasint,omitzero"`
		Topic    string      `cbor:"4,keyasint,omitempty"`
		Value    string      `cbor:"5,keyasint,omitempty"`
		Person   PersonID    `cbor:"6,keyasint,omitzero"`
		Reason   string      `cbor:"7,keyasint,omitempty"`
		Heads    []crdt.Hash `cbor:"8,keyasint,omitempty"`
	}
)

// maxSettleHeads bounds the operations a settlement lists; more stood against each other only in an attack.
const maxSettleHeads = 64

// errValue says that a body decoded but holds a value this version does not know, so that the operation is inert.
var errValue = errors.New("unknown value")

// newBody returns an empty body of a kind, nil for kinds this version does not know.
func newBody(k crdt.Kind) any {
	switch k {
	case KindDeclare:
		return &declareBody{}
	case KindTitle:
		return &titleBody{}
	case KindSeverity:
		return &severityBody{}
	case KindStatus:
		return &statusBody{}
	case KindServices:
		return &servicesBody{}
	case KindSame:
		return &sameBody{}
	case KindLabels:
		return &labelsBody{}
	case KindCriterion:
		return &criterionBody{}
	case KindPin:
		return &pinBody{}
	case KindRead:
		return &readBody{}
	case KindMet:
		return &metBody{}
	case KindTake:
		return &takeBody{}
	case KindOffer:
		return &offerBody{}
	case KindWithdraw:
		return &withdrawBody{}
	case KindAccept:
		return &acceptBody{}
	case KindDecline:
		return &declineBody{}
	case KindRelease:
		return &releaseBody{}
	case KindRole:
		return &roleBody{}
	case KindConfirm:
		return &confirmBody{}
	case KindTask:
		return &taskBody{}
	case KindAssign:
		return &assignBody{}
	case KindAck:
		return &ackBody{}
	case KindRefuse:
		return &refuseBody{}
	case KindStuck:
		return &stuckBody{}
	case KindDone:
		return &doneBody{}
	case KindCancel:
		return &cancelBody{}
	case KindExtend:
		return &extendBody{}
	case KindTaskReopen:
		return &taskReopenBody{}
	case KindVerify:
		return &verifyBody{}
	case KindAssist:
		return &assistBody{}
	case KindNote:
		return &noteBody{}
	case KindEdit:
		return &editBody{}
	case KindRedact:
		return &redactBody{}
	case KindTheory:
		return &theoryBody{}
	case KindRuleOut:
		return &ruleOutBody{}
	case KindDecide:
		return &decideBody{}
	case KindObject:
		return &objectBody{}
	case KindRollCall:
		return &rollCallBody{}
	case KindHere:
		return &hereBody{}
	case KindPage:
		return &pageBody{}
	case KindThanks:
		return &thanksBody{}
	case KindSaw:
		return &sawBody{}
	case KindSitrep:
		return &sitrepBody{}
	case KindUpdate:
		return &updateBody{}
	case KindApprove:
		return &approveBody{}
	case KindPublish:
		return &publishBody{}
	case KindPlaybook:
		return &playbookBody{}
	case KindCheck:
		return &checkBody{}
	case KindSettle:
		return &settleBody{}
	}
	return nil
}
