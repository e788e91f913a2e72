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
	Usage    string // an example, without the program's name
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
		{Name: "title", Usage: `title "checkout down" (a task: title t7f "...")`, Text: Must, Ref: RefTask, RefNeed: May},
		{Name: "sev", Usage: `sev 1 "customers cannot pay"`, Severity: Must, Text: May},
		{Name: "status", Usage: `status mitigated`, Value: Must, Values: statuses[:], Text: May},
		{Name: "resolve", Usage: `resolve "rolled back"`, Text: May, Force: true},
		{Name: "reopen", Usage: `reopen "customers call" (a task: reopen t7f "...")`, Text: May, Ref: RefTask, RefNeed: May},
		{Name: "service", Usage: `service payments db1 [--withdraw]`, Services: Must, Withdraw: true},
		{Name: "same", Usage: `same red-fox [--withdraw]`, Other: Must, Withdraw: true},

		{Name: "take", Usage: `take ["why"] [--force]`, Text: May, Force: true},
		{Name: "handoff", Usage: `handoff @dan "why", or handoff --withdraw`, Who: May, Text: May, Withdraw: true},
		{Name: "break", Usage: `break 20m --to @dan`, Who: Must, For: Must, Text: May},
		{Name: "accept", Usage: `accept "top risk: ...; next: ..."`, Text: Must},
		{Name: "decline", Usage: `decline "why"`, Text: May},
		{Name: "release", Usage: `release ["why"] (a task: release t7f)`, Text: May, Ref: RefTask, RefNeed: May},
		{Name: "role", Usage: `role @erin scribe [--withdraw]`, Who: May, Value: Must, Withdraw: true},

		{Name: "do", Usage: `do @bob "check the lag" 5m [--once] [--vital] [--on db1]`, Who: May, Text: Must, For: May, Once: true, Vital: true, Resource: May},
		{Name: "assign", Usage: `assign t7f @bob`, Ref: RefTask, RefNeed: Must, Who: Must, For: May},
		{Name: "claim", Usage: `claim t7f`, Ref: RefTask, RefNeed: Must},
		{Name: "ack", Usage: `ack [t7f]`, Ref: RefTask, RefNeed: May},
		{Name: "no", Usage: `no [t7f] "why"`, Ref: RefTask, RefNeed: May, Text: May},
		{Name: "stuck", Usage: `stuck [t7f] "why"`, Ref: RefTask, RefNeed: May, Text: May},
		{Name: "done", Usage: `done [t7f] "what came of it"`, Ref: RefTask, RefNeed: May, Text: May},
		{Name: "cancel", Usage: `cancel t7f "why"`, Ref: RefTask, RefNeed: Must, Text: May},
		{Name: "extend", Usage: `+5m [t7f]`, Ref: RefTask, RefNeed: May, For: Must},
		{Name: "verify", Usage: `verify t7f ["what you saw"]`, Ref: RefTask, RefNeed: Must, Text: May},
		{Name: "assist", Usage: `assist t7f [--withdraw]`, Ref: RefTask, RefNeed: Must, Withdraw: true},

		{Name: "note", Usage: `note "what you saw" [-k obs] [--at 02:41]`, Text: Must, Kinds: kinds, At: May},
		{Name: "edit", Usage: `edit n3q "new text"`, Ref: RefNote, RefNeed: Must, Text: May, Kinds: kinds, At: May},
		{Name: "redact", Usage: `redact n3q "why"`, Ref: RefNote, RefNeed: Must, Text: Must},
		{Name: "hyp", Usage: `hyp "bad deploy"`, Text: Must},
		{Name: "rule-out", Usage: `rule-out h2x "why"`, Ref: RefTheory, RefNeed: Must, Text: May},
		{Name: "decide", Usage: `decide "roll back" [--topic release]`, Text: Must, Topic: May},
		{Name: "object", Usage: `object d4m "why"`, Ref: RefDecision, RefNeed: Must, Text: Must},

		{Name: "par", Usage: `par [--due 3m]`, For: May},
		{Name: "here", Usage: `here [ok|busy|relief|leaving] [--fatigue 4]`, Value: May, Values: here, Fatigue: May, Who: May, Text: May},
		{Name: "page", Usage: `page @bob "why"`, Who: Must, WhoMax: maxWho, Text: May},
		{Name: "thanks", Usage: `thanks @bob "for what"`, Who: Must, WhoMax: maxWho, Text: May},
		{Name: "settle", Usage: `settle 1 KEY "why", or settle SUBJECT VALUE "why"`, Subject: Must, Value: Must, Text: May},
	}
}
