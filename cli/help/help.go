// Package help holds the documentation inside the program: the site with the manual is down too when this is needed.
// Each topic is one Markdown file whose first line is its title. Topics never change while the program runs.
package help

import (
	"embed"
	"strings"
)

//go:embed *.md
var files embed.FS

// order is that in which topics are listed: what a newcomer needs first.
var order = [...]string{
	"first-five-minutes", "command", "tasks", "situation", "delivery", "cuts", "joining", "trust", "secrets", "recovery", "protection", "carrying", "doctor", "conflicts",
	"twice", "files", "exit-codes", "output", "replay", "limits",
}

// A Topic is one page.
type Topic struct {
	Name  string // as typed
	Title string
}

// Topics lists all pages in reading order.
func Topics() []Topic {
	out := make([]Topic, 0, len(order))
	for _, name := range order {
		text, _ := Text(name)
		title, _, _ := strings.Cut(text, "\n")
		out = append(out, Topic{Name: name, Title: strings.TrimPrefix(title, "# ")})
	}
	return out
}

// Text returns a page, and whether there is one of that name.
func Text(name string) (string, bool) {
	for _, n := range order {
		if n != name {
			continue
		}
		b, err := files.ReadFile(name + ".md")
		if err != nil {
			panic(err) // a page of our own is missing from the program; a test reads all of them
		}
		return string(b), true
	}
	return "", false
}
