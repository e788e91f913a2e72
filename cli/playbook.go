package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"muster/node/api"
)

// playbookVerbs start checklists and work on them.
func playbookVerbs() []write {
	return []write{
		{
			use: "playbook [FILE | first-aid]", short: "start a checklist; alone: those that run", group: groupTasks, grammar: grammar{text: "file"},
			alone: (*app).runs, fill: readPlaybook,
			example: "  muster playbook first-aid        the vital steps, always there\n  muster playbook restore-db.md    each item of its list, or each line",
		},
		{
			use: `check [RUN] N ["how"]`, short: "item N of a checklist is done", group: groupTasks, grammar: grammar{ref: "item", text: "text"},
			example: "  muster check p2k 3 \"rolled back\"\n  muster check 3               when only one runs",
			fill:    func(w words, in *api.Write) error { return fillItem("check", w, in) },
		},
		{
			use: `skip [RUN] N "why"`, short: "item N of a checklist is left out", group: groupTasks, grammar: grammar{ref: "item", text: "reason"},
			fill: func(w words, in *api.Write) error {
				if err := fillItem("skip", w, in); err != nil {
					return err
				}
				return needText("skip", "the reason", in.Text)
			},
		},
	}
}

// fillItem reads "p2k 3 text" and, when only one checklist runs, "3 text".
func fillItem(verb string, w words, in *api.Write) error {
	number, rest := w.ref, w.rest
	in.Ref = ""
	if _, err := strconv.Atoi(w.ref); err != nil {
		if len(rest) == 0 {
			return usage(verb, "which item of %s? give its number", w.ref)
		}
		in.Ref, number, rest = w.ref, rest[0], rest[1:]
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 {
		return usage(verb, "%q is not the number of an item", number)
	}
	in.Item, in.Text = n, strings.TrimSpace(strings.Join(rest, " "))
	return nil
}

// playbookBytesMax bounds the file of a playbook.
const playbookBytesMax = 64 << 10

// firstAid is the playbook that needs no file.
const firstAid = "first-aid"

// readPlaybook reads the items of a run from a file. Its name is the file's, without where it lies and what it ends in.
func readPlaybook(w words, in *api.Write) error {
	in.Text = ""
	file, err := os.Open(w.text)
	switch {
	case errors.Is(err, fs.ErrNotExist) && w.text == firstAid:
		in.Value = firstAid
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.CodeNotFound, "give a file with one item a line, or: muster playbook "+firstAid, "there is no file %q", w.text)
	case err != nil:
		return api.Errorf(api.CodeUsage, "", "cannot read %q: %v", w.text, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, playbookBytesMax+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return api.Errorf(api.CodeUsage, "", "cannot read %q: %v", w.text, err)
	}
	if len(data) > playbookBytesMax {
		return api.Errorf(api.CodeTooLarge, "a playbook is a list of at most 64 short items", "%q is too long", w.text)
	}
	base := filepath.Base(w.text)
	in.Value, in.Items = strings.TrimSuffix(base, filepath.Ext(base)), parseItems(string(data))
	if len(in.Items) == 0 {
		return api.Errorf(api.CodeUsage, "write one item a line", "%q has no items", w.text)
	}
	return nil
}

// listMark begins an item of a Markdown list: a dash, star or plus, or a number; then perhaps a box.
var listMark = regexp.MustCompile(`^(?:[-*+]|[0-9]{1,3}[.)])\s+(?:\[[ xX]\]\s+)?`)

// parseItems returns the items of a list: those of a Markdown list when there is one, else each line. Headings, rules,
// fences and comments are not items.
func parseItems(text string) []string {
	var marked, plain []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		switch mark := listMark.FindString(line); {
		case line == "", strings.HasPrefix(line, "#"), strings.HasPrefix(line, "<!--"), strings.HasPrefix(line, "```"), strings.Trim(line, "-=*_") == "":
		case mark != "":
			if item := strings.TrimSpace(line[len(mark):]); item != "" {
				marked = append(marked, item)
			}
		default:
			plain = append(plain, line)
		}
	}
	if len(marked) > 0 {
		return marked
	}
	return plain
}

// runs lists the checklists at work.
func (a *app) runs(ctx context.Context) error {
	in, err := a.incident(ctx)
	if err != nil {
		return err
	}
	list := append([]api.Run{}, in.Runs...)
	return a.print(list, func(p *printer) {
		if len(list) == 0 {
			p.linef("%s: no playbook runs; start one: muster playbook %s", nameOf(in.Name, in.Drill), firstAid)
			return
		}
		for _, r := range list {
			printRun(p, r, now())
		}
	})
}

// printRun is one checklist with all its items.
func printRun(p *printer, r api.Run, now time.Time) {
	p.line(wrap(" "+pad(r.ID, 4)+" ", clean(r.Name)+": "+runLine(r), 6))
	for i, x := range r.Items {
		text := clean(x.Text)
		if x.State != "open" {
			text += fmt.Sprintf(" (%s %s %s", clean(x.State), clean(x.By), clock(x.AtMS, now))
			if x.Remark != "" {
				text += ": " + clean(x.Remark)
			}
			text += ")"
		}
		if s := x.Skipped; s != nil {
			text += fmt.Sprintf(" (skipped by %s %s: %s)", clean(s.By), clock(s.AtMS, now), clean(s.Value))
		}
		box := map[string]string{"checked": "[x]", "skipped": "[-]"}[x.State]
		if box == "" {
			box = "[ ]"
		}
		p.line(wrap(fmt.Sprintf("      %s %2d ", box, i+1), text, 13))
	}
}

// runLine says how far a checklist is and what comes next.
func runLine(r api.Run) string {
	over, next := 0, ""
	for i, x := range r.Items {
		if x.State != "open" {
			over++
		} else if next == "" {
			next = fmt.Sprintf("; next %d %s", i+1, clean(x.Text))
		}
	}
	line := fmt.Sprintf("%d of %d%s", over, len(r.Items), next)
	if len(r.Versions) > 0 {
		line += "; other versions: " + clean(strings.Join(r.Versions, " "))
	}
	return line
}

// printRuns lists the checklists at work, a line each.
func printRuns(p *printer, all []api.Run) {
	if len(all) == 0 {
		return
	}
	p.line(section("PLAYBOOKS"))
	for _, r := range all {
		p.line(wrap(" "+pad(r.ID, 4)+" ", clean(r.Name)+" "+runLine(r), 6))
	}
}
