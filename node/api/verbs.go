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
		{"declare", "Text [Severity Services Labels Drill]"},
		{"title", "Text"},
		{"sev", "Severity [Reason]"},
		{"status", "Value: active, investigating, identified, mitigated, resolved, closed, duplicate, cancelled, declined [Reason]"},
		{"resolve", "[Reason Force: although vital tasks are open]"},
		{"reopen", "[Reason]"},
		{"service", "Services [Withdraw]"},
		{"same", "Ref: the other incident [Withdraw]"},
		{"label", "Labels [Withdraw]"},
		{"criterion", "Text"},
		{"met", "Ref: an exit criterion [Text: how you know; Withdraw: it does not hold]"},

		{"take", "[Reason Force]"},
		{"handoff", "Who: one person [Reason; ForMS: how long the offer stands], or Withdraw"},
		{"accept", "Text: the read-back, or Refs: every open item of the briefing"},
		{"decline", "[Reason]"},
		{"confirm", "nothing more"},
		{"take-back", "Text: what you heard of the time you were away"},
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

		{"note", "Text [Kind: obs, act, risk, todo, comms, handoff, broken; AtMS]"},
		{"edit", "Ref: a note [Text Kind AtMS: one of them at least]"},
		{"redact", "Ref: a note, Reason"},
		{"pin", "Ref: a note [Withdraw]"},
		{"hyp", "Text"},
		{"rule-out", "Ref: a hypothesis [Reason]"},
		{"decide", "Text [Topic]"},
		{"object", "Ref: a decision, Reason"},
		{"read", "[Ref: a decision; without it the only one that is unread]"},

		{"par", "[ForMS: until when replies are wanted]"},
		{"here", "[Value: ok, busy, relief, help, leaving; Fatigue Text Place; Who: the person vouched for]"},
		{"page", "Who [Reason]"},
		{"thanks", "Who [Text]"},

		{"sitrep", "Value: headline, impact, cause, actions, needs; Text; or Value: next, ForMS"},
		{"saw", "Resource, Value: up, degraded, down, unknown [Text Place: where it is seen from]"},
		{"update", "Text [Topic: the audience; or Ref: an update to reword]"},
		{"approve", "Ref: an update"},
		{"publish", "Ref: an update [Place: where it was posted]"},
		{"playbook", "Value: its name, Items [of first-aid they are known]"},
		{"check", "Item: its number [Ref: a run; without it the only one] [Text]"},
		{"skip", "Item: its number, Text: why [Ref: a run; without it the only one]"},

		{"settle", "Subject, Value [Reason]"},
	}
}
