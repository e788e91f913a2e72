package board

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealIncidents types three real incidents again, on laptops that lose and find each other, and checks what every
// board says on the way and in the end.
func TestRealIncidents(t *testing.T) {
	files, err := filepath.Glob("../../cli/testdata/replays/*.replay")
	if err != nil || len(files) < 3 {
		t.Fatalf("replay scripts: %v %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := &replay{t: t, notes: map[string]string{}, day: time.Date(2021, 10, 4, 0, 0, 0, 0, time.UTC)}
			for i, line := range strings.Split(string(text), "\n") {
				r.n = i + 1
				r.line(line)
			}
			if r.checked < 10 {
				t.Errorf("%d expectations checked: too few to mean anything", r.checked)
			}
		})
	}
}

// replay runs one script.
type replay struct {
	t       *testing.T
	w       *world
	n       int
	day     time.Time
	notes   map[string]string // text as typed -> operation
	cuts    []cut
	checked int
}

// cut is a net line that waits for its time.
type cut struct {
	groups [][]string
	at     string
}

func (r *replay) line(line string) {
	switch word, rest, _ := strings.Cut(line, " "); {
	case line == "":
	case word == "#check":
		who, want, _ := strings.Cut(rest, " ")
		r.applyCuts("")
		r.check(strings.TrimPrefix(who, "@"), want)
	case strings.HasPrefix(line, "#"):
	case word == "people":
		r.w = newWorld(fatalOf(r.t), strings.Fields(rest)...)
	case word == "net":
		rest, at, _ := strings.Cut(rest, "@")
		r.cuts = append(r.cuts, cut{r.groups(rest), at})
	case word == "expect":
		r.applyCuts("")
		r.check("all", rest)
	default:
		r.typed(word, strings.TrimSpace(rest))
	}
}

func (r *replay) groups(s string) [][]string {
	if strings.TrimSpace(s) == "all" {
		return [][]string{r.w.team}
	}
	var out [][]string
	for _, g := range strings.Split(s, "|") {
		out = append(out, strings.Fields(g))
	}
	return out
}

// applyCuts changes the network at the times its lines say.
func (r *replay) applyCuts(string) {
	for _, c := range r.cuts {
		if c.at != "" {
			r.clock(c.at)
		}
		r.w.net(c.groups)
		r.w.sync()
	}
	r.cuts = nil
}

// clock moves time on to a time of day, the next day if that has passed.
func (r *replay) clock(at string) {
	if len(at) == len("15:04") {
		at += ":00"
	}
	tod, err := time.Parse("15:04:05", at)
	if err != nil {
		r.t.Fatalf("line %d: %v", r.n, err)
	}
	next := r.day.Truncate(24 * time.Hour).Add(tod.Sub(tod.Truncate(24 * time.Hour)))
	if next.Before(r.day) {
		next = next.Add(24 * time.Hour)
	}
	r.day = next
	r.w.nowMS = next.UnixMilli()
}

func (r *replay) typed(at, rest string) {
	r.applyCuts("")
	r.clock(at)
	who, line, _ := strings.Cut(rest, " ")
	line = strings.TrimSpace(line)
	in, err := typed(line, r.w.nowMS)
	if err != nil {
		r.t.Fatalf("line %d: %v", r.n, err)
	}
	_, rec, err := r.w.do(who, in)
	if err != nil {
		r.t.Fatalf("line %d: %s %s: %v", r.n, who, line, err)
	}
	if in.Verb == "note" {
		r.notes[in.Text] = rec.Hash.String()
	}
	r.w.sync()
}

func (r *replay) check(who, want string) {
	names := r.w.team
	if who != "all" {
		names = strings.Split(who, ",")
	}
	for _, name := range names {
		r.checked++
		if ok, got := r.w.holds(r.w.node(name), want, r.notes); !ok {
			r.t.Errorf("line %d: on %s: %s: got %s", r.n, name, want, got)
		}
	}
}
