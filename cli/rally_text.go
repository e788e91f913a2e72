package cli

import (
	"fmt"
	"io"
	"strings"
)

// A page of text is 80 columns and rallyLines lines, which fits A4 and US letter at six lines to the inch with margins for a
// binder. Pages after the first begin with a form feed, which every printer knows.
const (
	rallyLines  = 62
	rallyPlaces = 10 // places on the page; those seen last are worth more than all
	rallyBlank  = 2  // lines to write an invitation on
)

// A pager collects lines into pages. A block is never broken.
type pager struct {
	head  string
	pages [][]string
}

func (p *pager) block(lines ...string) {
	last := len(p.pages) - 1
	if last < 0 || len(p.pages[last])+len(lines) > rallyLines {
		p.pages = append(p.pages, []string{p.head, strings.Repeat("=", columns), ""})
		last++
		for len(lines) > 0 && lines[0] == "" { // a page does not begin with a gap
			lines = lines[1:]
		}
	}
	p.pages[last] = append(p.pages[last], lines...)
}

// rallyText writes the page as text.
func rallyText(w io.Writer, page rallyPage) error {
	p := &pager{head: headline("MUSTER RALLY PAGE  team "+clean(page.Team), rallyDate(page.MadeMS)+" by "+clean(page.By))}
	p.block(fmt.Sprintf("WHERE TO LOOK  (UDP; port %d where none stands here)", page.Port))
	for i, x := range page.Places {
		if i == rallyPlaces {
			p.block("  and " + count(len(page.Places)-i, "more laptop"))
			break
		}
		p.block(strings.Split(wrap("  "+pad(cut(clean(x.Device), 28), 28)+" ", strings.Join(x.Addrs, "  "), 31), "\n")...)
	}
	p.block("", "HOW TO FIND EACH OTHER AGAIN")
	for i, step := range rallySteps(page.Port) {
		p.block(strings.Split(wrap("  "+string(rune('1'+i))+". ", typedWords(step), 5), "\n")...)
	}
	p.block(strings.Split(wrap("  ", typedWords(rallyStolen), 2), "\n")...)
	p.block("", "PEOPLE  (below each laptop its fingerprint: the words both screens show)")
	for _, x := range page.People {
		phones := x.Phones
		if len(phones) == 0 {
			phones = []string{"tel. _______________"}
		}
		lines := []string{headline("  "+pad("@"+clean(x.Handle), 12)+" "+pad(cut(spokenName(x), 28), 28)+" "+clean(phones[0]), clean(x.Role))}
		for _, phone := range phones[1:] {
			lines = append(lines, strings.Repeat(" ", 44)+clean(phone))
		}
		for _, d := range x.Devices {
			lines = append(lines, "    "+pad(cut(clean(d.Name), 28), 28)+" "+clean(d.Words))
		}
		p.block(lines...)
	}
	p.invitation(page)
	p.block("", rallyKeep)
	for i, lines := range p.pages {
		text := strings.Join(lines, "\n") + "\n"
		if i > 0 {
			text = "\f" + text
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// invitation is the code of one, or where to write it.
func (p *pager) invitation(page rallyPage) {
	if page.code == "" {
		lines := []string{"", `INVITATION  ("muster invite --code" makes one; who reads it here can join)`}
		for range rallyBlank {
			lines = append(lines, "", "  "+strings.Repeat("_", columns-4))
		}
		p.block(lines...)
		return
	}
	lines := []string{"", "INVITATION for " + count(page.uses, "laptop") + "  (whoever holds this page can join)", ""}
	code := clean(page.code)
	for ; len(code) > columns-8; code = code[columns-8:] {
		lines = append(lines, "    "+code[:columns-8])
	}
	lines = append(lines, "    "+code, "", "  muster join CODE, without the line breaks; or scan it:", "")
	if qr, err := paperQR(page.code); err == nil { // what does not fit a QR code is typed
		lines = append(lines, qr...)
	}
	p.block(lines...)
}

// headline puts two texts at the ends of one line.
func headline(left, right string) string {
	left = cut(left, columns-len([]rune(right))-2)
	return pad(left, columns-len([]rune(right))) + right
}

// typedWords shows what is typed in quotes.
func typedWords(s string) string { return strings.ReplaceAll(s, "`", `"`) }

// paperQR draws a QR code in the dark half blocks that ink makes, with the margin it needs.
func paperQR(text string) ([]string, error) {
	lines, err := qrLines(qrText(text), false)
	if err != nil {
		return nil, err
	}
	dark := strings.NewReplacer("█", " ", "▀", "▄", "▄", "▀", " ", "█")
	for i, l := range lines {
		lines[i] = strings.TrimRight(dark.Replace(l), " ")
	}
	return lines, nil
}
