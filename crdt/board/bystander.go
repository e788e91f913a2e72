package board

import (
	"cmp"
	"slices"
	"strings"
)

// bystanders are the words by which people ask nobody: everyone hears them, and everyone thinks that somebody else will.
var bystanders = [...]string{
	"someone", "somebody", "anyone", "anybody", "everyone", "everybody", "@here", "@team", "@channel", "@all", "@everyone", "can we",
	"could we",
}

// helpersMax bounds the people suggested for a task.
const helpersMax = 3

// askedNobody returns the word of a text that asks nobody in particular; empty: there is none.
func askedNobody(text string) string {
	var out []string
	for _, w := range strings.Fields(strings.ToLower(text)) {
		out = append(out, strings.Trim(w, `,.:;!?"'()`))
	}
	padded := " " + strings.Join(out, " ") + " "
	for _, w := range bystanders {
		if strings.Contains(padded, " "+w+" ") {
			return w
		}
	}
	return ""
}

// ownerless puts @here and the like back into the text of an order: they are nobody's handle, and the order is worth having.
func (c *checker) ownerless() {
	if c.in.Verb != "do" || len(c.in.Who) != 1 {
		return
	}
	handle := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(c.in.Who[0]), "@"))
	if _, known := c.people.Person(handle); known || !slices.Contains(bystanders[:], "@"+handle) {
		return
	}
	c.in.Text, c.in.Reason, c.in.Who = "@"+handle+" "+cmp.Or(c.in.Text, c.in.Reason), "", nil
}

// suggested returns whom a task might be given to: who can be reached and has not left, those with the fewest open tasks
// first. The actor and the commander have other things to do.
func (c *checker) suggested() []string {
	open := map[PersonID]int{}
	for _, o := range c.taskList.list() {
		if f := c.foldTask(c.tasks[o.hash]); f.state != TaskDone && f.state != TaskCancelled {
			for _, s := range f.owners() {
				open[s.person]++
			}
		}
	}
	command := c.foldCommand()
	fit := slices.DeleteFunc(slices.Clone(c.people.All()), func(p PersonID) bool {
		ok, _, _ := c.reach(p)
		return !ok || p == c.ctx.Actor || command.holds(p) || c.gone(p) != nil
	})
	slices.SortStableFunc(fit, func(a, b PersonID) int {
		return cmp.Or(cmp.Compare(open[a], open[b]), cmp.Compare(c.reader.who(a), c.reader.who(b)))
	})
	var out []string
	for _, p := range fit[:min(len(fit), helpersMax)] {
		out = append(out, "@"+c.reader.who(p))
	}
	return out
}

// nameOne notes that a task belongs to nobody, and who could have it when its words suggest that it was meant for anybody.
func (c *checker) nameOne(text string) {
	word := askedNobody(text)
	if word == "" {
		c.notef("nobody owns it yet: name one person with: muster assign ID @name")
		return
	}
	if fit := c.suggested(); len(fit) > 0 {
		c.notef("%s is nobody: name one person with: muster assign ID %s", quote(word), strings.Join(fit, ", or "))
		return
	}
	c.notef("%s is nobody: name one person with: muster assign ID @name", quote(word))
}
