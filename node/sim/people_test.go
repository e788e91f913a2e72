package sim

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"muster/crdt/board"
)

// unsaid are the fields of an intent that people here have no use for: Reason is the same as Text.
const unsaid = "Reason"

// TestPeopleUseAllOfIt: whatever a verb reads, people give it sometimes; a verb that grows a field they do not know fails
// here, and so does an intent that has a field nobody ever fills.
func TestPeopleUseAllOfIt(t *testing.T) {
	filled := map[string]bool{} // field of an intent
	missing := map[string]bool{}
	for _, v := range board.Verbs() {
		if v.Name == "settle" { // see settlement
			continue
		}
		for _, field := range reads(v) {
			missing[v.Name+" "+field] = true
		}
	}
	note := func(in board.Intent) {
		r := reflect.ValueOf(in)
		for i := range r.NumField() {
			if name := r.Type().Field(i).Name; !r.Field(i).IsZero() {
				filled[name] = true
				delete(missing, in.Verb+" "+name)
			}
		}
	}
	for seed := uint64(1); seed <= 12; seed++ {
		w := newWorld(seed, Options{Nodes: 3, Intents: 150, Incidents: 2, Span: 5 * time.Minute})
		if err := w.run(); err != nil {
			t.Fatal(err)
		}
		h := w.hosts[0]
		for _, doc := range h.r.Documents() {
			for _, v := range board.Verbs() {
				if v.Name == "settle" {
					continue
				}
				for range 10 {
					note(w.fill(h, doc, &v))
				}
			}
			view := h.r.Board(doc).View(w.now, h.r.Team())
			note(w.settlement(&view))
			note(w.declaration())
		}
	}
	for what := range missing { // any order: a set of failures
		t.Errorf("nobody ever fills: %s", what)
	}
	in := reflect.TypeFor[board.Intent]()
	for i := range in.NumField() {
		if name := in.Field(i).Name; !filled[name] && name != unsaid {
			t.Errorf("nobody ever fills Intent.%s", name)
		}
	}
}

// reads returns the fields of an intent that a verb reads.
func reads(v board.Verb) []string {
	in := reflect.TypeFor[board.Intent]()
	var out []string
	r := reflect.ValueOf(v)
	for i := range r.NumField() {
		name, f := r.Type().Field(i).Name, r.Field(i)
		switch f.Interface().(type) {
		case board.Need, bool:
			if f.IsZero() {
				continue
			}
		default:
			if name != "Kinds" || f.IsZero() {
				continue
			}
		}
		name = strings.TrimSuffix(name, "Need")
		for _, field := range []string{name, name + "MS", strings.TrimSuffix(name, "s")} {
			if _, ok := in.FieldByName(field); ok {
				name = field
				break
			}
		}
		out = append(out, name)
	}
	return out
}
