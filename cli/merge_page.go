package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"muster/node/api"
)

// The report of a merge is one screen, whatever happened: 24 lines of 80 columns. What waits for a human comes first and
// gets the most room; what does not fit is counted, with the verb that lists it. Times are UTC, as in the words of the
// board itself.
const (
	mergeLinesMax  = 24
	mergeDetailMax = 3 // lines for one conflict, while there is room
)

// mergeLines is the report as it is printed.
func mergeLines(r api.MergeReport, now time.Time, arrow string) []string {
	head := mergeHead(r, now, arrow)
	if r.Empty && len(r.Settle) == 0 {
		return bounded(append(head, "nothing came from the other side that changes the board", "next: muster show"))
	}
	tail := mergeTail(r)
	room := mergeLinesMax - len(head) - len(tail)
	reserve := func(n int) int { return min(n, 1) }
	merged, decisions := mergedItems(r, 1), decisionItems(r)
	settle := settleSection(r, room-reserve(len(merged))-reserve(len(decisions)))
	room -= len(settle)
	decided := listSection(fmt.Sprintf("THEIR DECISIONS %d", len(decisions)), decisions, min(room-reserve(len(merged)), 1+len(decisions)), "muster show")
	room -= len(decided)
	title := fmt.Sprintf("MERGED %d (the safe side is shown)", len(merged))
	if long := mergedItems(r, 2); len(long) < room {
		merged = long
	}
	done := listSection(title, merged, room, "muster conflicts")
	var out []string
	for _, part := range [][]string{head, settle, done, decided, tail} {
		out = append(out, part...)
	}
	return bounded(out)
}

// bounded holds the promise whatever the parts did and others wrote.
func bounded(lines []string) []string {
	lines = lines[:min(len(lines), mergeLinesMax)]
	for i := range lines {
		lines[i] = cut(clean(lines[i]), columns)
	}
	return lines
}

// utc writes a time of day.
func utc(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04Z") }

// mergeHead says who met again when, and what the incident is now.
func mergeHead(r api.MergeReport, now time.Time, arrow string) []string {
	left := fmt.Sprintf("%s REJOINED %s", arrow, utc(r.AtMS))
	if ago := now.UnixMilli() - r.AtMS; ago >= 10*60_000 {
		left += fmt.Sprintf(" (%s ago)", age(ago))
	}
	left += fmt.Sprintf(", apart %s since %s", stint(r.AtMS-r.SinceMS), utc(r.SinceMS))
	right := fmt.Sprintf("%s SEV%d", nameOf(r.Incident, r.Drill), r.Severity)
	if r.SeverityWas != r.Severity {
		right += fmt.Sprintf(" (was %d)", r.SeverityWas)
	}
	gap := columns - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	first := left + strings.Repeat(" ", max(gap, 2)) + right
	state := strings.ToUpper(r.Status)
	if slices.ContainsFunc(r.Settle, func(c api.Conflict) bool { return c.Kind == "status" || c.Subject == "status" }) {
		state = "RESOLVED? contested"
	}
	if r.StatusWas != r.Status {
		state += " (was " + r.StatusWas + ")"
	}
	command := "NOBODY COMMANDS"
	if r.Commander != "" {
		command = "command: " + youAre(r.You, r.Commander)
	}
	if r.CommanderWas != r.Commander {
		was := "nobody"
		if r.CommanderWas != "" {
			was = youAre(r.You, r.CommanderWas)
		}
		command += " (was " + was + ")"
	}
	second := fmt.Sprintf("  %s  %s  ", state, clean(command))
	second += cut(clean(r.Title), columns-utf8.RuneCountInString(second))
	you := append([]string{"you"}, r.You[min(1, len(r.You)):]...)
	sides := "  here: " + side(you) + "   there: " + side(r.Them)
	return []string{first, second, sides}
}

// youAre writes a person's name, or that it is the reader.
func youAre(you []string, name string) string {
	if len(you) > 0 && you[0] == name {
		return "YOU"
	}
	return clean(name)
}

// side names who was on one side: as many as are told apart at a glance.
func side(names []string) string {
	const most = 5
	if len(names) == 0 {
		return "nobody"
	}
	shown := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		shown = append(shown, cut(clean(n), 12))
	}
	out := strings.Join(shown, ", ")
	if n := len(names) - most; n > 0 {
		out += fmt.Sprintf(" +%d", n)
	}
	return out
}

// settleSection lists what waits, in at most room lines, the first of which says how much it is.
func settleSection(r api.MergeReport, room int) []string {
	title := fmt.Sprintf("SETTLE %d", len(r.Settle))
	switch {
	case len(r.Settle) == 0 && len(r.Settled) > 0:
		title = "SETTLE 0, all of it is settled"
	case len(r.Settle) == 0:
		title = "SETTLE 0, nothing of this waits for a human"
	case !r.MaySettle && r.Commander != "":
		title += fmt.Sprintf(": %s commands and settles, not you", clean(r.Commander))
	}
	if r.Older > 0 {
		title += fmt.Sprintf("   +%d older: muster conflicts", r.Older)
	}
	out := []string{title}
	room--
	for i, o := range r.Settled { // a line or two: they are over
		if i == 2 || len(r.Settle) > 0 && room < 3*len(r.Settle) {
			out = append(out, fmt.Sprintf("   %d settled since: muster conflicts", len(r.Settled)-i))
			room--
			break
		}
		out = append(out, fmt.Sprintf("   %s: %s", clean(o.Subject), clean(o.Text)))
		room--
	}
	items, brief := make([][]string, len(r.Settle)), 0
	for i, c := range r.Settle {
		items[i] = settleItem(c, 1)
		brief += len(items[i])
	}
	for i, c := range r.Settle { // the room that is left goes to the first that need it
		if full := settleItem(c, mergeDetailMax); brief+len(full)-len(items[i]) <= room {
			brief += len(full) - len(items[i])
			items[i] = full
		}
	}
	for i, item := range items {
		left := len(items) - i
		last := brief <= room // all that is left fits
		if !last && room < len(item)+1 {
			if room > 0 {
				out = append(out, fmt.Sprintf("   and %d more: muster conflicts", left))
			}
			return out
		}
		out = append(out, item...)
		room -= len(item)
		brief -= len(item)
	}
	return out
}

// settleItem is one conflict: what stands against what, in at most lines lines, and the keys that settle it.
func settleItem(c api.Conflict, lines int) []string {
	text := strings.TrimPrefix(clean(c.Text), "CONTRADICTION on "+clean(c.Subject)+": ")
	text = strings.Replace(text, "CONTRADICTORY PUBLIC POSTS to "+clean(c.Subject)+": ", "CONTRADICTORY PUBLIC POSTS: ", 1)
	if c.Kind == "command" && len(c.Choices) > 0 {
		var parts []string
		for _, ch := range c.Choices {
			label := clean(ch.Label)
			if rest, ok := strings.CutPrefix(label, clean(ch.Value)); ok && ch.Key == "y" {
				label = "YOU" + rest
			}
			if ch.By != "" { // a claim; other choices are in the keys
				parts = append(parts, label)
			}
		}
		if len(parts) > 0 {
			text = strings.Join(parts, " | ")
		}
	}
	advice := ""
	switch c.Kind {
	case "done-vs-cancelled", "ran-twice":
		advice = "  -> check what it did"
	case "disputed-done":
		advice = "  -> have it verified"
	}
	head := fmt.Sprintf(" %d %s ", c.N, pad(clean(c.Subject), 8))
	if strings.Count(wrap(head, text+advice, 4), "\n") < lines {
		text += advice
	}
	out := within(head, text, 4, lines)
	keys := keyLine(c, keyMax)
	for most := keyMax - 1; utf8.RuneCountInString(keys) > columns && most >= keyMin; most-- {
		keys = keyLine(c, most) // rather short words than a choice that is not shown
	}
	keys = fewerKeys(keys, c)
	if keys = strings.TrimRight(keys, " "); keys != "" {
		out = append(out, keys)
	}
	return out
}

// A key of a conflict is said in so many characters.
const (
	keyMax = 36
	keyMin = 12
)

// keyLine is the keys of a conflict, each in so many characters, in one line however long.
func keyLine(c api.Conflict, most int) string {
	line := "   "
	for _, ch := range c.Choices {
		line += fmt.Sprintf(" [%s] %s ", clean(ch.Key), keyWord(c, ch, most))
	}
	return strings.TrimRight(line, " ")
}

// fewerKeys leaves out the keys that do not fit a line and counts them.
func fewerKeys(line string, c api.Conflict) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	out := "   "
	for i, ch := range c.Choices {
		key := fmt.Sprintf(" [%s] %s ", clean(ch.Key), keyWord(c, ch, keyMin))
		if utf8.RuneCountInString(out)+utf8.RuneCountInString(key) > columns-len(" and 99 more") {
			return out + fmt.Sprintf(" and %d more", len(c.Choices)-i)
		}
		out += key
	}
	return out
}

// keyWord says in at most so many characters what a key does.
func keyWord(c api.Conflict, ch api.Choice, most int) string {
	switch {
	case c.Kind == "command" && ch.Key == "y":
		return "you"
	case c.Kind == "command" && ch.Value == "teams":
		return "two teams"
	case c.Kind != "command" && ch.Label != "":
		return cut(clean(ch.Label), most)
	}
	return cut(clean(ch.Value), most)
}

// mergedItems is what was merged without a human, each in at most so many lines.
func mergedItems(r api.MergeReport, lines int) []string {
	var out []string
	for _, m := range r.Merged {
		name := m.Subject
		if name == "" {
			name = m.Kind
		}
		head := " " + pad(clean(name), 9)
		out = append(out, within(head, clean(m.Text), len(head), lines)...)
	}
	return out
}

// within wraps a text as [wrap] does, into at most so many lines; the last is cut.
func within(head, text string, indent, lines int) []string {
	all := strings.Split(wrap(head, text, indent), "\n")
	if len(all) <= lines {
		return all
	}
	rest := head + strings.TrimSpace(text)
	if lines > 1 {
		for i := range all[lines-1:] {
			all[lines-1+i] = strings.TrimSpace(all[lines-1+i])
		}
		rest = strings.Repeat(" ", indent) + strings.Join(all[lines-1:], " ")
	}
	return append(all[:lines-1], cut(rest, columns))
}

// decisionItems is a line for each decision of the other side.
func decisionItems(r api.MergeReport) []string {
	var out []string
	for _, d := range r.Decisions {
		end := fmt.Sprintf("  %s %s", clean(d.By), utc(d.AtMS))
		switch {
		case !d.Stands:
			end += ", does not stand"
		case d.Superseded:
			end += ", decided again since"
		case d.Unread:
			end += ": muster read " + d.ID
		}
		head := " " + pad(d.ID, 5)
		text := cut(clean(d.Text), max(20, columns-2-len(head)-utf8.RuneCountInString(end)))
		out = append(out, head+`"`+text+`"`+end)
	}
	return out
}

// listSection is a title and lines, cut to room; what is left out is counted in the title's stead or in the last line.
func listSection(title string, items []string, room int, verb string) []string {
	switch {
	case len(items) == 0 || room <= 0:
		return nil
	case room == 1:
		return []string{title + ": " + verb}
	case room <= len(items):
		shown := items[:room-2]
		return append(append([]string{title}, shown...), fmt.Sprintf("   and %d more: %s", len(items)-len(shown), verb))
	}
	return append([]string{title}, items...)
}
