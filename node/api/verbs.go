package api

// A Verb is one thing that [Service.Write] does.
type Verb struct {
	Name  string
	Reads string // fields of [Write] it reads besides Verb, Incident and Yes; in brackets those that may be zero
}

// Verbs returns every verb of [Service.Write], in the order a board is worked: the incident, command, tasks, the
// timeline, people, conflicts.
func Verbs() []Verb {
	return []Verb{
		{"declare", "Text [Severity Services]"},
		{"title", "Text"},
		{"sev", "Severity [Reason]"},
		{"status", "Value: active, investigating, identified, mitigated, resolved, closed, duplicate, cancelled, declined [Reason]"},
		{"resolve", "[Reason Force: although vital tasks are open]"},
		{"reopen", "[Reason]"},
		{"service", "Services [Withdraw]"},
		{"same", "Ref: the other incident [Withdraw]"},

		{"take", "[Reason Force]"},
		{"handoff", "Who: one person [Reason], or Withdraw"},
		{"accept", "Text: the read-back"},
		{"decline", "[Reason]"},
		{"release", "[Reason]"},
		{"break", "Who: one person, ForMS [Reason]"},
		{"role", "Value: deputy, lead, scribe, comms, liaison or a name of a sub-team [Who: one person, Withdraw]"},

		{"do", "Text [Who: one person, ForMS Once Vital Resource]"},
		{"assign", "Ref: a task, Who: one person [ForMS]"},
		{"claim", "Ref: a task"},
		{"ack", "[Ref: a task; without it the one that waits]"},
		{"no", "Ref: a task [Reason]"},
		{"stuck", "Ref: a task [Reason]"},
		{"done", "Ref: a task [Text: the result]"},
		{"cancel", "Ref: a task [Reason]"},
		{"extend", "Ref: a task, ForMS"},
		{"verify", "Ref: a task [Text]"},
		{"assist", "Ref: a task [Withdraw]"},

		{"note", "Text [Kind: obs, act, risk, todo, broken; AtMS]"},
		{"edit", "Ref: a note, Text"},
		{"redact", "Ref: a note, Reason"},
		{"hyp", "Text"},
		{"rule-out", "Ref: a hypothesis [Reason]"},
		{"decide", "Text [Topic]"},
		{"object", "Ref: a decision, Reason"},

		{"par", "[ForMS: until when replies are wanted]"},
		{"here", "[Value: ok, busy, relief, leaving; Fatigue Text; Who: the person vouched for]"},
		{"page", "Who [Reason]"},
		{"thanks", "Who [Text]"},

		{"settle", "Subject, Value [Reason]"},
	}
}
