package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// A write is a verb that changes the board: its words and flags become one [api.Write].
type write struct {
	use     string // NAME and its words, as help shows them
	short   string
	example string
	group   string
	grammar grammar
	hidden  bool // reached in another spelling

	// alone is what the verb does without any words, where that is another thing. Nil: it is not.
	alone func(a *app, ctx context.Context) error

	// raw and other do something else than a write where the words, unsorted and sorted, say so, and report whether they did.
	// Nil: they never do.
	raw   func(a *app, ctx context.Context, args []string) (bool, error)
	other func(a *app, ctx context.Context, w words) (bool, error)

	// flags adds the verb's own; they write into in. Nil: none.
	flags func(cmd *cobra.Command, in *api.Write)
	// fill puts the words where the verb wants them, and refuses what makes no sense. Nil: nothing but [plain].
	fill func(w words, in *api.Write) error
}

// writes returns every verb that changes the board, family by family.
func writes() []write {
	var all []write
	for _, family := range [][]write{
		incidentVerbs(), severityVerbs(), serviceVerbs(), commandVerbs(), roleVerbs(), taskVerbs(), answerVerbs(), noteVerbs(),
		theoryVerbs(), decisionVerbs(), peopleVerbs(), settleVerbs(), criterionVerbs(), labelVerbs(), pinVerbs(), readVerbs(),
		sitrepVerbs(), resourceVerbs(), updateVerbs(), playbookVerbs(),
	} {
		all = append(all, family...)
	}
	return all
}

// plain is where words go unless a verb says otherwise. What a flag has filled stays when no word says more.
func plain(w words, in *api.Write) {
	in.Ref, in.Text = w.ref, w.text
	if len(w.who) > 0 {
		in.Who = w.who
	}
	if w.spanMS > 0 {
		in.ForMS = w.spanMS
	}
}

// writeCommand makes the command of a verb that changes the board.
func (a *app) writeCommand(w write) *cobra.Command {
	var in api.Write
	cmd := &cobra.Command{Use: w.use, Short: w.short, Example: w.example, GroupID: w.group, Hidden: w.hidden}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if w.alone != nil && len(args) == 0 {
			return w.alone(a, cmd.Context())
		}
		if w.raw != nil {
			if done, err := w.raw(a, cmd.Context(), args); done || err != nil {
				return err
			}
		}
		words, err := w.grammar.sort(cmd.Name(), args)
		if err != nil {
			return err
		}
		if w.other != nil {
			if done, err := w.other(a, cmd.Context(), words); done || err != nil {
				return err
			}
		}
		in.Verb = cmd.Name()
		plain(words, &in)
		if w.fill != nil {
			if err := w.fill(words, &in); err != nil {
				return err
			}
		}
		return a.write(cmd.Context(), in)
	}
	if w.flags != nil {
		w.flags(cmd, &in)
	}
	return cmd
}

// write does one write and prints its receipt. A question is asked where somebody is there to answer.
func (a *app) write(ctx context.Context, in api.Write) error {
	s, err := a.service(ctx)
	if err != nil {
		return err
	}
	if in.Yes = a.set.yes; in.Incident == "" {
		in.Incident = a.set.incident
	}
	r, err := a.send(ctx, s, in)
	if err != nil && !in.Yes {
		if err = a.answer(err); err == nil {
			in.Yes = true
			r, err = a.send(ctx, s, in)
		}
	}
	if err != nil {
		return a.located(ctx, s, in, err)
	}
	return a.receipt(r)
}

// located adds to a refusal which incident it is about, where nobody said which and another is open.
func (a *app) located(ctx context.Context, s api.Service, in api.Write, err error) error {
	e := *spoken(err)
	if in.Incident != "" || in.Verb == "declare" || e.Code != api.CodeRefused && e.Code != api.CodeNotFound && e.Code != api.CodeConfirm {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	st, failed := s.Status(ctx)
	if failed != nil {
		return err // what was asked for matters more
	}
	for _, shown := range st.Incidents {
		if other := elsewhere(st, shown.Name); shown.Current && other != "" {
			if e.Hint != "" {
				e.Hint += "; "
			}
			e.Hint += "this is about " + shown.Name + ", " + other
			return &e
		}
	}
	return err
}

// answer puts the question of a confirm error to the person. Nil means yes; any other error comes back as it is.
func (a *app) answer(err error) error {
	e := spoken(err)
	if e.Code != api.CodeConfirm {
		return err
	}
	if !a.ask {
		if e.Hint == "" {
			e.Hint = "add --yes if that is what you want"
		}
		return e
	}
	yes, err := a.confirm(e.Question)
	if err != nil || yes {
		return err
	}
	return api.Errorf(api.CodeConfirm, "", "nothing was done")
}

// send is one bounded call.
func (a *app) send(ctx context.Context, s api.Service, in api.Write) (api.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return s.Write(ctx, in)
}

// needText refuses an empty text.
func needText(verb, what, text string) error {
	if text == "" {
		return usage(verb, "%s is missing", what)
	}
	return nil
}

// needWho refuses an order to nobody.
func needWho(verb string, who []string) error {
	if len(who) == 0 {
		return usage(verb, "name the person, as @bob")
	}
	return nil
}

// whoFlag is a flag that names one person, with or without @.
type whoFlag struct{ who *[]string }

func (f whoFlag) String() string { return "" }
func (f whoFlag) Type() string   { return "@WHO" }

func (f whoFlag) Set(s string) error {
	if !handlePattern.MatchString("@" + strings.TrimPrefix(s, "@")) {
		return api.Errorf(api.CodeUsage, "", "%q names nobody", s)
	}
	*f.who = []string{strings.TrimPrefix(s, "@")}
	return nil
}

// spanFlag is a flag that takes a length of time.
type spanFlag struct{ ms *int64 }

func (f spanFlag) String() string { return "" }
func (f spanFlag) Type() string   { return "time" }

func (f spanFlag) Set(s string) error {
	ms, err := parseSpan(s)
	*f.ms = ms
	return err
}
