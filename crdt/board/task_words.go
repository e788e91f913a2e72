package board

import (
	"fmt"
	"strings"
)

// doneKeptText says who did a task while somebody else was given it, or it was given more time.
func (r reader) doneKeptText(f *taskFold, name string) string {
	p := f.pairs[NoticeDoneKept]
	s := fmt.Sprintf("%s did %s %s; %s ", r.who(p[0].person), name, clock(p[0].wallMS), r.who(p[1].person))
	if v, ok := p[1].body.(*assignBody); ok {
		return s + "gave it to " + r.who(v.To) + " elsewhere: nothing is left to do"
	}
	return s + "gave it more time elsewhere"
}

// unownedText says who refused a task while somebody else changed it.
func (r reader) unownedText(f *taskFold, name string) string {
	p := f.pairs[NoticeUnowned]
	s := fmt.Sprintf("%s said no to %s %s, %s changed it elsewhere", r.who(p[0].person), name, clock(p[0].wallMS), r.who(p[1].person))
	if f.state == TaskOpen {
		s += "; nobody has it"
	}
	return s
}

// verifyReopenedText says who looked at a task and found it done while somebody else found that it is not.
func (r reader) verifyReopenedText(f *taskFold, name string) string {
	p := f.pairs[NoticeVerifyReopened]
	s := fmt.Sprintf("%s verified %s %s, %s reopened it %s", r.who(p[0].person), name, clock(p[0].wallMS), r.who(p[1].person), clock(p[1].wallMS))
	if v, ok := p[1].body.(*taskReopenBody); ok && v.Reason != "" {
		s += " (" + quote(v.Reason) + ")"
	}
	return s + ", neither seeing the other; shown " + f.state
}

// dueText lists the deadlines that were written without knowledge of each other.
func (r reader) dueText(f *taskFold, name string) string {
	if len(f.dues) < 2 {
		return name + " was given two deadlines"
	}
	parts := make([]string, len(f.dues))
	for i, o := range f.dues {
		parts[i] = clock(dueOf(o)) + " (" + r.who(o.person) + ")"
	}
	return fmt.Sprintf("%s is due %s; the earlier counts", name, strings.Join(parts, " or "))
}
