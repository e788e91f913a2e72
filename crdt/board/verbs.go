package board

// RefKind says what kind of thing a reference names.
type RefKind uint8

// Kinds of references.
const (
	RefTask RefKind = iota
	RefNote
	RefDecision
	RefTheory
	RefUpdate
	RefRun
	RefCriterion
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
	Labels   Need
	Items    Need
	Item     Need
	Place    Need
	Refs     Need
	Once     bool
	Vital    bool
	Force    bool
	Withdraw bool
}

// Verbs returns the verbs of an incident that exists, in the order help lists them. Founding one is [Declare].
func Verbs() []Verb {
	here := []string{HereOK, HereBusy, HereRelief, HereHelp, HereLeaving}
	kinds := []string{NoteObservation, NoteAction, NoteRisk, NoteTodo, NoteComms, NoteHandoff, NoteBroken}
	return []Verb{
		{Name: "title", Usage: `title "checkout down" (a task: title t7f "...")`, Text: Must, Ref: RefTask, RefNeed: May},
		{Name: "sev", Usage: `sev 1 "customers cannot pay"`, Severity: Must, Text: May},
		{Name: "status", Usage: `status mitigated`, Value: Must, Values: statuses[:], Text: May},
		{Name: "resolve", Usage: `resolve "rolled back"`, Text: May, Force: true},
		{Name: "reopen", Usage: `reopen "customers call" (a task: reopen t7f "...")`, Text: May, Ref: RefTask, RefNeed: May},
		{Name: "service", Usage: `service payments db1 [--withdraw]`, Services: Must, Withdraw: true},
		{Name: "same", Usage: `same red-fox [--withdraw]`, Other: Must, Withdraw: true},
		{Name: "label", Usage: `label region=eu alert=FINGERPRINT [--withdraw]`, Labels: Must, Withdraw: true},
		{Name: "criterion", Usage: `criterion "errors < 1 %"`, Text: Must},
		{Name: "met", Usage: `met e3x ["how you know"] [--withdraw]`, Ref: RefCriterion, RefNeed: Must, Text: May, Withdraw: true},

		{Name: "take", Usage: `take ["why"] [--force]`, Text: May, Force: true},
		{Name: "handoff", Usage: `handoff @dan "why" [10m], or handoff --withdraw`, Who: May, Text: May, For: May, Withdraw: true},
		{Name: "break", Usage: `break 20m --to @dan`, Who: Must, For: Must, Text: May},
		{Name: "accept", Usage: `accept "top risk: ...; next: ..."  (or: accept --tick t7f ...)`, Text: May, Refs: May},
		{Name: "decline", Usage: `decline "why"`, Text: May},
		{Name: "confirm", Usage: `confirm`},
		{Name: "take-back", Usage: `take-back "what you heard of the time you were away"`, Text: Must},
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
		{Name: "pin", Usage: `pin n3q [--withdraw]`, Ref: RefNote, RefNeed: Must, Withdraw: true},
		{Name: "hyp", Usage: `hyp "bad deploy"`, Text: Must},
		{Name: "rule-out", Usage: `rule-out h2x "why"`, Ref: RefTheory, RefNeed: Must, Text: May},
		{Name: "decide", Usage: `decide "roll back" [--topic release]`, Text: Must, Topic: May},
		{Name: "object", Usage: `object d4m "why"`, Ref: RefDecision, RefNeed: Must, Text: Must},
		{Name: "read", Usage: `read [d4m]`, Ref: RefDecision, RefNeed: May},

		{Name: "par", Usage: `par [--due 3m]`, For: May},
		{Name: "here", Usage: `here [ok|busy|relief|help|leaving] [--fatigue 4] [--place office]`, Value: May, Values: here, Fatigue: May, Who: May, Place: May, Text: May},
		{Name: "page", Usage: `page @bob "why"`, Who: Must, WhoMax: maxWho, Text: May},
		{Name: "thanks", Usage: `thanks @bob "for what"`, Who: Must, WhoMax: maxWho, Text: May},
		{Name: "sitrep", Usage: `sitrep headline "checkout is back for most" (headline, impact, cause, actions, needs), or sitrep next 15m`, Value: Must, Values: sitrepFields[:], Text: May, For: May},
		{Name: "saw", Usage: `saw db1 down ["what you see"] [--from VPN]`, Resource: Must, Value: Must, Values: resourceStates[:], Text: May, Place: May},
		{Name: "update", Usage: `update "text" [--to AUDIENCE], or update u2k "new text"`, Ref: RefUpdate, RefNeed: May, Text: Must, Topic: May},
		{Name: "approve", Usage: `approve u2k`, Ref: RefUpdate, RefNeed: Must},
		{Name: "publish", Usage: `publish u2k [--on WHERE]`, Ref: RefUpdate, RefNeed: Must, Place: May},
		{Name: "playbook", Usage: `playbook FILE, or playbook first-aid`, Value: Must, Items: May},
		{Name: "check", Usage: `check [p2k] 3 ["text"]`, Ref: RefRun, RefNeed: May, Item: Must, Text: May},
		{Name: "skip", Usage: `skip [p2k] 3 "why"`, Ref: RefRun, RefNeed: May, Item: Must, Text: Must},
		{Name: "settle", Usage: `settle 1 KEY "why", or settle SUBJECT VALUE "why"`, Subject: Must, Value: Must, Text: May},
	}
}
