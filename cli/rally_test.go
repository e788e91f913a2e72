package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/node/api"
)

// paperNode is a fakeNode with a team to print and files to carry.
type paperNode struct {
	fakeNode
	rally    api.Rally
	exported []api.Export
	imported []api.Import
}

func (f *paperNode) Rally(context.Context) (api.Rally, error) { return f.rally, f.err }

func (f *paperNode) Export(_ context.Context, in api.Export) (api.Exported, error) {
	f.exported = append(f.exported, in)
	if f.err != nil && !in.Yes {
		return api.Exported{}, f.err
	}
	return api.Exported{
		Schema: "muster.export/1", File: in.File, Bytes: 300 << 10, Operations: 12, Incidents: []string{"amber-otter"}, Sealed: "team key",
	}, nil
}

func (f *paperNode) Import(_ context.Context, in api.Import) (api.Imported, error) {
	f.imported = append(f.imported, in)
	return api.Imported{Schema: "muster.import/1", File: in.File, By: "ann", Operations: 12, New: 7, Known: 4, Waiting: 1, Incidents: []string{"amber-otter"}}, f.err
}

// rallyTeam is a team of n people.
func rallyTeam(n int) api.Rally {
	out := api.Rally{Schema: "muster.rally/1", Team: "sre", By: "p0", MadeMS: 1_795_000_000_000, Port: 7946}
	for i := range n {
		device := fmt.Sprintf("p%d/laptop", i)
		out.People = append(out.People, api.RallyPerson{
			Handle: fmt.Sprintf("p%d", i), Name: "Pat Person", Role: "responder", Phones: []string{"+44 20 7946 0018"},
			Devices: []api.RallyDevice{{Name: device, Words: "amber-falcon-ridge-oak"}},
		})
		out.Places = append(out.Places, api.RallyPlace{Responder: fmt.Sprintf("p%d", i), Device: device, Addrs: []string{fmt.Sprintf("192.0.2.%d:7946", i+1)}})
	}
	if n > 0 {
		out.People[0].Role, out.People[0].Callsign = "steward", "P0"
	}
	return out
}

// rallyPages is the page as text, one text for each sheet.
func rallyPages(t *testing.T, page rallyPage) []string {
	t.Helper()
	var b bytes.Buffer
	if err := rallyText(&b, page); err != nil {
		t.Fatal(err)
	}
	return strings.Split(b.String(), "\f")
}

// TestRallyPage: what a team of three prints.
func TestRallyPage(t *testing.T) {
	in := rallyTeam(3)
	in.People[2].Phones = nil
	in.People[1].Name = "Pat \x1b[31mRed"
	pages := rallyPages(t, rallyPage{Rally: in})
	if len(pages) != 1 {
		t.Errorf("%d pages", len(pages))
	}
	golden(t, "rally.golden", pages[0])
}

// TestRallyFitsPaper: every line fits 80 columns and every sheet A4, each says what it is, and nobody is left out: ten people
// fit one sheet.
func TestRallyFitsPaper(t *testing.T) {
	for _, c := range []struct{ people, sheets int }{{0, 1}, {1, 1}, {9, 1}, {10, 1}, {11, 2}, {40, 3}, {200, 8}} {
		in := rallyTeam(c.people)
		pages := rallyPages(t, rallyPage{Rally: in})
		if len(pages) != c.sheets {
			t.Errorf("%d people on %d sheets, want %d", c.people, len(pages), c.sheets)
		}
		all := strings.Join(pages, "")
		for i, p := range pages {
			if !strings.HasPrefix(p, "MUSTER RALLY PAGE  team sre ") || strings.Count(p, "\n") > rallyLines {
				t.Errorf("sheet %d of %d people has %d lines and begins %q", i+1, c.people, strings.Count(p, "\n"), p[:20])
			}
		}
		for line := range strings.Lines(all) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > columns {
				t.Errorf("too wide: %q", line)
			}
		}
		for _, x := range in.People {
			if !strings.Contains(all, "@"+x.Handle+" ") {
				t.Errorf("%s of %d is not on the page", x.Handle, c.people)
			}
		}
	}
}

// TestRallyWithInvitation: the code is on the page whole, and drawn.
func TestRallyWithInvitation(t *testing.T) {
	code := "muster-" + strings.Repeat("abcdefgh234567", 9)
	page := rallyPage{Rally: rallyTeam(3), code: code, uses: 8}
	text := strings.Join(rallyPages(t, page), "")
	lines := strings.Join(strings.Fields(text), "")
	if !strings.Contains(lines, code) || strings.Count(text, "█") < 150 || !strings.Contains(text, "for 8 laptops") {
		t.Errorf("no code or no drawing:\n%s", text)
	}
	var b bytes.Buffer
	if err := rallyHTML(&b, page); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), code) || !strings.Contains(b.String(), "<svg ") {
		t.Error("no code or no drawing in the HTML")
	}
}

// TestRallyHTMLAsksForNothing: the page for a browser is one file without anything that would be fetched or run, and what
// people call themselves is text in it.
func TestRallyHTMLAsksForNothing(t *testing.T) {
	in := rallyTeam(2)
	in.Team, in.People[0].Name = "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`
	in.Places[0].Device = "<b>"
	var b bytes.Buffer
	if err := rallyHTML(&b, rallyPage{Rally: in}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []*regexp.Regexp{
		regexp.MustCompile(`(?i)<script|<img|<link|<iframe|<b>&lt;|javascript:|url\(|@import`), regexp.MustCompile(`(?i)<[^>]+\s(src|href|on\w+)=`), regexp.MustCompile(`https?://`),
	} {
		if m := bad.FindString(b.String()); m != "" {
			t.Errorf("the page has %q", m)
		}
	}
	for _, want := range []string{"&lt;script&gt;", "192.0.2.1:7946", "@page", "<code>muster invite</code>", "amber-falcon-ridge-oak"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// typePaper types on a node that prints and carries.
func typePaper(t *testing.T, f *paperNode, in string, args ...string) result {
	t.Helper()
	var out, diag bytes.Buffer
	a := newApp(Streams{In: strings.NewReader(in), Out: &out, Err: &diag, Getenv: func(k string) string { return map[string]string{"HOME": t.TempDir()}[k] }})
	a.ask = in != ""
	a.open = func(context.Context, string) (api.Service, error) { return f, nil }
	code := a.run(t.Context(), args)
	return result{out: out.String(), err: diag.String(), code: code}
}

// TestRallyPrintGoesWhereItIsAsked: to the output, to a file that is not replaced unasked, or as data.
func TestRallyPrintGoesWhereItIsAsked(t *testing.T) {
	f := &paperNode{rally: rallyTeam(2)}
	f.invite = api.Invitation{Code: "muster-abc", Uses: 2}
	if r := typePaper(t, f, "", "rally", "print"); r.code != exitOK || !strings.Contains(r.out, "HOW TO FIND EACH OTHER AGAIN") || strings.Contains(r.out, "muster-abc") {
		t.Errorf("exit %d %s%s", r.code, r.out, r.err)
	}
	if r := typePaper(t, f, "", "rally", "print", "--with-invite", "--uses", "2"); r.code != exitOK || !strings.Contains(r.out, "muster-abc") {
		t.Errorf("exit %d %s%s", r.code, r.out, r.err)
	}
	file := filepath.Join(t.TempDir(), "rally.html")
	if r := typePaper(t, f, "", "rally", "print", "--html", "--file", file); r.code != exitOK || r.out != "" {
		t.Errorf("exit %d %s%s", r.code, r.out, r.err)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(b, []byte("<!DOCTYPE html>")) {
		t.Errorf("%v %.20s", err, b)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if r := typePaper(t, f, "", "rally", "print", "--file", file); r.code != exitHuman || !strings.Contains(r.err, "is there already") {
		t.Errorf("exit %d %s", r.code, r.err)
	}
	if r := typePaper(t, f, "", "rally", "print", "--file", file, "-y"); r.code != exitOK {
		t.Errorf("exit %d %s", r.code, r.err)
	}
	var got api.Rally
	if r := typePaper(t, f, "", "rally", "print", "-o", "json"); r.code != exitOK || json.Unmarshal([]byte(r.out), &got) != nil || len(got.People) != 2 {
		t.Errorf("exit %d %s%s", r.code, r.out, r.err)
	}
	for _, args := range [][]string{{"rally"}, {"rally", "nothing"}, {"rally", "print", "x"}, {"rally", "print", "--uses", "3"}, {"rally", "print", "--with-invite", "--uses", "0"}} {
		if r := typePaper(t, f, "", args...); r.code != exitUsage {
			t.Errorf("%v: exit %d %s", args, r.code, r.err)
		}
	}
}
