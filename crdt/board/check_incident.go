package board

import (
	"fmt"
	"strings"
)

func badSeverity(n int) error {
	return usage("1 is the worst, 5 the least", "severity goes from 1 to %d, not %d", maxSeverity, n)
}

func (c *checker) title() (Draft, error) {
	text := oneLine(c.say)
	if err := fits("title", text, maxLineBytes); err != nil {
		return Draft{}, err
	}
	if c.in.Ref == "" {
		return about(KindTitle, &titleBody{Text: text}, Name(c.doc), "renamed it "+quoteAll(text)), nil
	}
	o, err := c.find(RefTask, c.in.Ref)
	if err != nil {
		return Draft{}, err
	}
	id := c.shortID(RefTask, o.hash)
	return about(KindTitle, &titleBody{Text: text, Task: o.hash}, id, id+" is now "+quoteAll(text)), nil
}

func (c *checker) severity() (Draft, error) {
	n := c.in.Severity
	if n < 1 || n > maxSeverity {
		return Draft{}, badSeverity(n)
	}
	was, heads := c.Board.severity()
	if n == was && len(heads) == 1 {
		return Draft{}, refused("", "it is severity %d already", n)
	}
	text := fmt.Sprintf("severity %d, was %d", n, was)
	if st := c.foldStatus(); n < was && ended(st.shown) {
		c.notef("this raise reopens the incident, which was %s", st.shown)
	}
	return about(KindSeverity, &severityBody{Severity: n, Was: was, Reason: c.say}, Name(c.doc), text), nil
}

// status writes a status. Ending an incident over open vital tasks or unmet exit criteria needs a yes.
func (c *checker) status(value string) (Draft, error) {
	f := c.foldStatus()
	if f.contested != nil {
		return Draft{}, refused(fmt.Sprintf(`muster settle status active|%s "why"`, statusOf(f.contested)),
			"the incident is %s on one side and escalated on the other", statusOf(f.contested))
	}
	if value == f.shown && len(f.heads) == 1 && f.reopened == nil {
		hint := ""
		if ended(value) {
			hint = `if it is not over: muster reopen "why"`
		}
		return Draft{}, refused(hint, "%s is %s already, by %s", Name(c.doc), value, c.by(f.heads[0]))
	}
	if ended(value) && !ended(f.shown) && !c.in.Force {
		if err := c.confirmEnd(value); err != nil {
			return Draft{}, err
		}
	}
	body := &statusBody{Status: value, Reason: c.say, Reopens: stage(value) < stage(f.shown)}
	text := strings.ToUpper(value)
	if body.Reopens && ended(f.shown) {
		text = "REOPENED, " + value
	}
	return about(KindStatus, body, Name(c.doc), with(text, c.say)), nil
}

// openVital lists the vital tasks that are not over, at most maxCandidates of them.
func (c *checker) openVital() []string {
	var out []string
	for _, o := range c.taskList.list() {
		f := c.foldTask(c.tasks[o.hash])
		if f.body.Vital && f.state != TaskDone && f.state != TaskCancelled && len(out) < maxCandidates {
			out = append(out, c.shortID(RefTask, o.hash)+" "+quote(taskText(f)))
		}
	}
	return out
}

func (c *checker) reopen() (Draft, error) {
	if c.in.Ref != "" {
		return c.reopenTask()
	}
	if f := c.foldStatus(); f.contested == nil && !ended(f.shown) {
		return Draft{}, refused(`a task is reopened with: muster reopen t7f "why"`, "the incident is %s, not over", f.shown)
	}
	return c.status(StatusActive)
}

func (c *checker) service() (Draft, error) {
	list, err := names("service", c.in.Services)
	if err != nil {
		return Draft{}, err
	}
	body, how := &servicesBody{Add: list}, "affected: "
	if c.in.Withdraw {
		body, how = &servicesBody{Remove: list}, "not affected: "
	}
	return about(KindServices, body, Name(c.doc), how+strings.Join(list, " ")), nil
}

func (c *checker) same() (Draft, error) {
	if c.in.Other == c.doc {
		return Draft{}, usage("", "an incident is always the same as itself")
	}
	other, how := Name(c.in.Other), "are one"
	if c.in.Withdraw {
		how = "are two again"
	}
	body := &sameBody{Other: c.in.Other, Remove: c.in.Withdraw}
	return about(KindSame, body, Name(c.doc), fmt.Sprintf("%s and %s %s", Name(c.doc), other, how)), nil
}
