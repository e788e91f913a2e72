package cli

import (
	"regexp"
	"strings"
	"testing"

	"muster/cli/help"
)

var (
	typedLine   = regexp.MustCompile(`^    (muster(?: .*)?)$`)
	typedQuote  = regexp.MustCompile("[\"`](muster [a-z][^\"`]*)[\"`]")
	typedFlag   = regexp.MustCompile(`(?:^| )--([a-z-]+)`)
	explanation = regexp.MustCompile(`\s{2,}.*$`)
	verbWord    = regexp.MustCompile(`^[a-z][a-z-]*$`)
)

// typedCommands returns what a page tells people to type: indented lines, without what is explained beside them, and quotes.
func typedCommands(page string) []string {
	var out []string
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if m := typedLine.FindStringSubmatch(line); m != nil {
			out = append(out, explanation.ReplaceAllString(m[1], ""))
		}
		for _, m := range typedQuote.FindAllStringSubmatch(line, -1) {
			out = append(out, m[1])
		}
	}
	return out
}

// typedProblem says what is wrong with a command line, if its verb, the verb's own verb or a flag does not exist.
func typedProblem(line string) string {
	root := newApp(Streams{}).root()
	var args []string
	for _, w := range strings.Fields(strings.TrimPrefix(line, "muster")) {
		if w == "--dir" || len(args) == 0 && (w == "NEW" || strings.HasPrefix(w, "-")) {
			continue
		}
		args = append(args, w)
	}
	if args = unfold(args); len(args) == 0 {
		return ""
	}
	if args[0] == "help" { // which the tree has only while it runs
		if args = args[1:]; len(args) == 0 {
			return ""
		}
		if _, topic := help.Text(args[0]); topic || args[0] == "TOPIC" {
			return ""
		}
	}
	cmd, _, err := root.Find(args)
	switch {
	case err != nil || cmd == root:
		return "no verb"
	case cmd.HasSubCommands() && len(args) > 1 && verbWord.MatchString(args[1]):
		return "no verb of " + args[0]
	}
	for _, m := range typedFlag.FindAllStringSubmatch(line, -1) {
		if cmd.Flags().Lookup(m[1]) == nil && cmd.InheritedFlags().Lookup(m[1]) == nil && root.PersistentFlags().Lookup(m[1]) == nil {
			return "no flag --" + m[1] + " of " + cmd.CommandPath()
		}
	}
	return ""
}

// TestHelpNamesWhatExists: every command that a page of the manual, the printed page or an example of a verb tells people to
// type is one.
func TestHelpNamesWhatExists(t *testing.T) {
	n := 0
	check := func(where, line string) {
		n++
		if what := typedProblem(line); what != "" {
			t.Errorf("%s: %q: %s", where, line, what)
		}
	}
	for _, topic := range help.Topics() {
		text, _ := help.Text(topic.Name)
		for _, line := range typedCommands(text) {
			check("help "+topic.Name, line)
		}
	}
	for _, s := range append(rallySteps(7946), rallyStolen) {
		for _, line := range typedCommands(s) {
			check("the rally page", line)
		}
	}
	for _, cmd := range newApp(Streams{}).root().Commands() {
		for line := range strings.Lines(cmd.Example) {
			for _, line := range typedCommands("  " + strings.TrimSuffix(line, "\n")) {
				check("example of "+cmd.Name(), line)
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d commands were found", n)
	}
}

// TestCheckOfHelpFinds: the check above can fail.
func TestCheckOfHelpFinds(t *testing.T) {
	for _, line := range []string{"muster nonsense", "muster drill nonsense", "muster note --nonsense x", "muster help nonsense"} {
		if typedProblem(line) == "" {
			t.Errorf("%q passes", line)
		}
	}
}
