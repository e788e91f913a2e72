package cli

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/node/api"
)

// checkUsage reports an error that does not say what to do about what was typed.
func checkUsage(t *testing.T, err error) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeUsage {
		t.Fatalf("refused with %v, which is not an error of use", err)
	}
}

// FuzzParseScript: a script is read or refused as an error of use; typed again from what was read it is the same.
func FuzzParseScript(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "replays", "*.replay"))
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range append(paths, "demo.replay") {
		text, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		f.Add(strings.Join(lines[:min(len(lines), 12)], ""))
		f.Add(strings.Join(lines[max(0, len(lines)-12):], ""))
	}
	f.Add("people ann bob\nnet ann | bob @02:00\n02:01 ann note \"a \\\"b\\\"\"\n#check @all commander none\nnet all\nexpect open-conflicts 0\n")
	f.Add("people ann\n \"\"\n")
	f.Add("people ann\n#check \"\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseScript(strings.NewReader(text))
		if err != nil {
			checkUsage(t, err)
			return
		}
		quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		lines := []string{"people " + quote.Replace(strings.Join(s.people, " "))}
		for _, st := range s.steps {
			lines = append(lines, st.text)
			if st.kind == stepNet && len(slices.Concat(st.groups...)) != len(s.people) {
				t.Fatalf("%q leaves somebody out: %v", st.text, st.groups)
			}
		}
		again, err := parseScript(strings.NewReader(strings.Join(lines, "\n")))
		if err != nil || len(again.steps) != len(s.steps) {
			t.Fatalf("what was read is not read again: %v", err)
		}
		for i := range s.steps {
			s.steps[i].line = again.steps[i].line
			if diff := cmp.Diff(s.steps[i], again.steps[i], cmp.AllowUnexported(step{}), cmp.Comparer(func(a, b expectation) bool { return true })); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// FuzzGrammar: every verb takes apart whatever is typed without losing a word of it.
func FuzzGrammar(f *testing.F) {
	f.Add("t7f @bob 5m check the lag", uint8(0b111111))
	f.Add("+1h30m @bob @carol \u00e9 99999999999999999999d", uint8(0b011101))
	f.Add("@ @@ 0s 367d", uint8(0b111))
	f.Fuzz(func(t *testing.T, line string, shape uint8) {
		g := grammar{bare: shape&1 > 0, who: int(shape>>1&3) - 1, span: shape&8 > 0}
		if shape&16 > 0 {
			g.ref = "task"
		}
		if shape&32 > 0 {
			g.text = "text"
		}
		args := strings.Split(line, " ")
		w, err := g.sort("do", slices.Clone(args))
		if err != nil {
			checkUsage(t, err)
			return
		}
		took := len(w.rest) + len(w.who)
		if w.ref != "" {
			took++
		}
		if w.spanMS > 0 {
			took++
		}
		switch {
		case took != len(args):
			t.Fatalf("%q: %d of %d words are used: %+v", args, took, len(args), w)
		case g.who >= 0 && len(w.who) > g.who, !g.span && w.spanMS != 0, g.ref == "" && w.ref != "", g.text == "" && w.text != "":
			t.Fatalf("%q: more than the verb takes: %+v", args, w)
		case w.spanMS < 0 || w.spanMS > spanMax.Milliseconds():
			t.Fatalf("%q: %d ms", args, w.spanMS)
		}
		if words, err := split(line); err == nil && strings.TrimSpace(line) != "" && !strings.ContainsAny(line, "\"\\") {
			if got := strings.Join(words, " "); strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' }), " ") != got {
				t.Fatalf("%q is split into %q", line, words)
			}
		}
		if again := unfold(args); len(again) < len(args) || len(again) > len(args)+1 {
			t.Fatalf("%q unfolds to %q", args, again)
		}
	})
}

// FuzzParseConfig: a config file is read or refused as an error of use, and written out it reads the same.
func FuzzParseConfig(f *testing.F) {
	f.Add("# here\noutput = json\nlisten=[::]:7946\n\njoin = 10.0.0.1:1, 10.0.0.2:2\n")
	f.Add("output\n")
	f.Add("= x\n")
	f.Add("incident = a=b\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseConfig(bufio.NewScanner(strings.NewReader(text)), "config")
		if errors.Is(err, bufio.ErrTooLong) {
			return
		}
		if err != nil {
			checkUsage(t, err)
			return
		}
		var out strings.Builder
		for k, v := range got {
			out.WriteString(k + " = " + v + "\n")
		}
		again, err := parseConfig(bufio.NewScanner(strings.NewReader(out.String())), "config")
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
		for _, addr := range strings.FieldsFunc(got["join"], func(r rune) bool { return r == ',' || r == ' ' }) {
			if ap, err := endpoint(addr, "file"); err != nil {
				checkUsage(t, err)
			} else if again, err := endpoint(ap.String(), "file"); err != nil || again != ap {
				t.Fatalf("%v reads as %v: %v", ap, again, err)
			}
		}
	})
}
