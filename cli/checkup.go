package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

const (
	auditTimeout = 10 * time.Minute // of reading the whole store
	problemsMax  = 4                // shown; -o json has them all
	notesMax     = 3                // shown
	sickMax      = 3                // responders told of in full
	factsMin     = 4                // shown, however much there is to say of responders
	screen       = 24               // lines of the narrowest terminal
)

// audit is "muster verify" without words: it reads everything stored and says what is wrong with it. Exit code 1 when
// something is.
func (a *app) audit(ctx context.Context) error {
	s, err := a.service(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	v, err := s.Verify(ctx)
	if err != nil {
		return err
	}
	if !v.Sound {
		a.code = exitFailed
	}
	return a.print(v, func(p *printer) { printVerification(p, v) })
}

func printVerification(p *printer, v api.Verification) {
	p.linef("%s, %s in %s read in %.1fs", count(v.Documents, "document"), count(v.Operations, "operation"), count(v.Logs, "log"), float64(v.DurationMS)/1000)
	p.linef("%s checked, %d vouched for by later ones; %s match", count(v.Signatures, "signature"), v.Vouched, count(v.Bodies, "text"))
	p.linef("%d redacted; %s of this laptop in its journal", v.Erased, count(v.Own, "operation"))
	equal, others := 0, []string{}
	for _, c := range v.Peers {
		switch {
		case c.Equal:
			equal++
		case !c.Reachable:
			others = append(others, clean(c.Responder)+" not reachable")
		case c.Ahead:
			others = append(others, clean(c.Responder)+" has more")
		default:
			others = append(others, fmt.Sprintf("%s lacks %d", clean(c.Responder), c.Lacks))
		}
	}
	if len(v.Peers) > 0 {
		line := fmt.Sprintf("%d of %s equal", equal, count(len(v.Peers), "peer"))
		if len(others) > 0 {
			line += ": " + few(others, 4)
		}
		p.line(wrap("", line, 2))
	}
	for _, n := range v.Notes[:min(len(v.Notes), notesMax)] {
		p.line(cut("note: "+clean(n), columns))
	}
	for _, w := range v.Problems[:min(len(v.Problems), problemsMax)] {
		where := ""
		if w.Incident != "" {
			where = clean(w.Incident) + ": "
		}
		p.line(p.loud("PROBLEM") + " " + cut(where+clean(w.Text), columns-len("PROBLEM ")))
		p.line(wrap("  hint: ", clean(w.Hint), 8))
	}
	switch n := len(v.Problems) + v.More; {
	case n == 0:
		p.line("sound: nothing is wrong with this node's store")
	case n > problemsMax:
		p.linef("%s in all; -o json lists them", count(n, "problem"))
	default:
		p.linef("%s found", count(n, "problem"))
	}
}

// few joins the first of names, and counts the rest.
func few(names []string, most int) string {
	if n := len(names) - most; n > 0 {
		names = append(names[:most:most], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

// doctorCommand says why two nodes do not see each other.
func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor [@WHO...]", Short: "why others are not seen, and what to do", GroupID: groupNode,
		Example: "  muster doctor\n  muster doctor @bob",
		RunE: func(cmd *cobra.Command, args []string) error {
			var who []string
			for _, arg := range args {
				if !handlePattern.MatchString("@" + strings.TrimPrefix(arg, "@")) {
					return usage("doctor", "%q names nobody", arg)
				}
				who = append(who, strings.TrimPrefix(arg, "@"))
			}
			return a.call(cmd.Context(), func(ctx context.Context, s api.Service) error {
				d, err := s.Doctor(ctx, who)
				if err != nil {
					return err
				}
				if !d.Well {
					a.code = exitFailed
				}
				return a.print(d, func(p *printer) { printDiagnosis(p, d) })
			})
		},
	}
}

func printDiagnosis(p *printer, d api.Diagnosis) {
	var top strings.Builder
	if d.Protection != api.ProtectedLocked { // then nobody is known here yet
		printExamined(&printer{w: &top, color: p.color}, d.Responders)
	}
	p.text(top.String())
	room := max(screen-2-strings.Count(top.String(), "\n"), factsMin)
	facts := d.Facts
	for _, f := range facts {
		if remedy(f) {
			room = max(room-remedyLines+1, factsMin)
		}
	}
	if n := len(facts) - room; n > 0 {
		facts = trimFacts(facts, room)
		p.linef("here (%d more with -o json):", n)
	} else {
		p.line("here:")
	}
	for _, f := range facts {
		mark := "  "
		if f.Bad {
			mark = "! "
		}
		if remedy(f) {
			for _, l := range remedied(mark+f.About+": ", clean(f.Text)) {
				p.line(l)
			}
			continue
		}
		p.line(cut(mark+f.About+": "+clean(f.Text), columns))
	}
	switch d.Protection {
	case api.ProtectedNone:
		p.line("  " + protectionWords(d.Protection))
	case api.ProtectedKeyring, api.ProtectedPassphrase:
		p.line("  disk: " + protectionWords(d.Protection))
	}
}

// remedy reports whether a fact says what to type, which is not cut.
func remedy(f api.Fact) bool { return f.Bad && strings.Contains(f.Text, "muster ") }

// printExamined tells of each responder, those first who are not reached.
func printExamined(p *printer, rs []api.Examined) {
	if len(rs) == 0 {
		p.line("nobody else in this team; let others in with: muster invite")
	}
	var well, rest []string
	told, hint := 0, ""
	for _, r := range rs {
		switch {
		case r.Reachable:
			well = append(well, clean(r.Responder))
		case told == sickMax:
			rest = append(rest, clean(r.Responder))
		default:
			told++
			p.line(wrap("", p.loud(clean(r.Responder))+": "+clean(r.Text), 2))
			if r.Hint != hint {
				p.line(wrap("  hint: ", clean(r.Hint), 8))
			}
			hint = r.Hint
		}
	}
	if len(rest) > 0 {
		p.line(wrap("", few(rest, 4)+": not reachable either; muster doctor @WHO says why", 2))
	}
	if len(well) > 3 {
		p.line(wrap("", few(well, 12)+": reachable", 2))
		return
	}
	for _, w := range well {
		p.line(w + ": reachable")
	}
}

// trimFacts keeps room facts: those that may be the cause first, all in their order.
func trimFacts(facts []api.Fact, room int) []api.Fact {
	good := room
	for _, f := range facts {
		if f.Bad {
			good--
		}
	}
	var out []api.Fact
	for _, f := range facts {
		if !f.Bad {
			if good <= 0 {
				continue
			}
			good--
		}
		if len(out) < room {
			out = append(out, f)
		}
	}
	return out
}
