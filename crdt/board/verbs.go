package board

// RefKind says what kind of thing a reference names.
type RefKind uint8

// Kinds of references.
const (
	RefTask RefKind = iota
	RefNote
	RefDecision
	RefTheory
	RefNone
)

// Need says whether a verb reads a field.
type Need uint8

// Needs.
const (
	Never Need = iota
	May
	Must
)

// A Verb describes one verb: what it is about and what it reads, so that the command line, its help and the simulator
// know a new verb without being told.
type Verb struct {
	Name     string
	Ref      RefKind
	RefNeed  Need
	Who      Need
	WhoMax   int // people at once; 0: one
	Text     Need
	Values   []string // allowed for Intent.Value; nil: free where Value is not Never
	Value    Need
	Kinds    []string // allowed for Intent.Kind; nil: the verb reads none
	Topic    Need
	Subject  Need
	Severity Need
	Fatigue  Need
	Services Need
	Resource Need
	Other    Need
	At       Need
	For      Need
	Once     bool
	Vital    bool
	Force    bool
	Withdraw bool
}

// Verbs returns the verbs of an incident that exists, in the order help lists them. Founding one is [Declare].
func Verbs() []Verb {
	here := []string{HereOK, HereBusy, HereRelief, HereLeaving}
	kinds := []string{NoteObservation, NoteAction, NoteRisk, NoteTodo, NoteBroken}
	return []Verb{
		{Name: "title", Text: Must, Ref: RefTask, RefNeed: May},
		{Name: "sev", Severity: Must, Text: May},
		{Name: "status", Value: Must, Values: statuses[:], Text: May},
		{Name: "resolve", Text: May, Force: true},
		{Name: "reopen", Text: May, Ref: RefTask, RefNeed: May},
		{Name: "service", Services: Must, Withdraw: true},
		{Name: "same", Other: Must, Withdraw: true},

		{Name: "take", Text: May, Force: true},
		{Name: "handoff", Who: May, Text: May, Withdraw: true},
		{Name: "break", Who: Must, For: Must, Text: May},
		{Name: "accept", Text: Must},
		{Name: "decline", Text: May},
		{Name: "release", Text: May, Ref: RefTask, RefNeed: May},
		{Name: "role", Who: May, Value: Must, Withdraw: true},

		{Name: "do", Who: May, Text: Must, For: May, Once: true, Vital: true, Resource: May},
		{Name: "assign", Ref: RefTask, RefNeed: Must, Who: Must, For: May},
		{Name: "claim", Ref: RefTask, RefNeed: Must},
		{Name: "ack", Ref: RefTask, RefNeed: May},
		{Name: "no", Ref: RefTask, RefNeed: May, Text: May},
		{Name: "stuck", Ref: RefTask, RefNeed: May, Text: May},
		{Name: "done", Ref: RefTask, RefNeed: May, Text: May},
		{Name: "cancel", Ref: RefTask, RefNeed: Must, Text: May},
		{Name: "extend", Ref: RefTask, RefNeed: May, For: Must},
		{Name: "verify", Ref: RefTask, RefNeed: Must, Text: May},
		{Name: "assist", Ref: RefTask, RefNeed: Must, Withdraw: true},

		{Name: "note", Text: Must, Kinds: kinds, At: May},
		{Name: "edit", Ref: RefNote, RefNeed: Must, Text: May, Kinds: kinds, At: May},
		{Name: "redact", Ref: RefNote, RefNeed: Must, Text: Must},
		{Name: "hyp", Text: Must},
		{Name: "rule-out", Ref: RefTheory, RefNeed: Must, Text: May},
		{Name: "decide", Text: Must, Topic: May},
		{Name: "object", Ref: RefDecision, RefNeed: Must, Text: Must},

		{Name: "par", For: May},
		{Name: "here", Value: May, Values: here, Fatigue: May, Who: May, Text: May},
		{Name: "page", Who: Must, WhoMax: maxWho, Text: May},
		{Name: "thanks", Who: Must, WhoMax: maxWho, Text: May},
		{Name: "settle", Subject: Must, Value: Must, Text: May},
	}
}
