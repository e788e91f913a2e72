package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"muster/node/api"
)

// TestExportAndImport: the words become one call with a whole path; the answer says what was written or new, and what to do.
func TestExportAndImport(t *testing.T) {
	f := &paperNode{}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	r := typePaper(t, f, "", "export", "board", "amber")
	want := api.Export{File: filepath.Join(here, "board"), Incident: "amber"}
	if r.code != exitOK || len(f.exported) != 1 || f.exported[0] != want {
		t.Errorf("exit %d %+v %s", r.code, f.exported, r.err)
	}
	for _, text := range []string{"12 operations (amber-otter and the team)", "300 kilobytes", "any laptop of the team opens it", "muster import FILE"} {
		if !strings.Contains(strings.Join(strings.Fields(r.out), " "), text) {
			t.Errorf("export does not say %q:\n%s", text, r.out)
		}
	}
	r = typePaper(t, f, "", "import", "board")
	if r.code != exitOK || len(f.imported) != 1 || f.imported[0] != (api.Import{File: filepath.Join(here, "board")}) {
		t.Errorf("exit %d %+v %s", r.code, f.imported, r.err)
	}
	for _, text := range []string{"read 12 operations", "by ann", "7 new operations in amber-otter", "muster merge", "1 operation cannot be shown yet"} {
		if !strings.Contains(r.out, text) {
			t.Errorf("import does not say %q:\n%s", text, r.out)
		}
	}
	f.err = &api.Error{Code: api.CodeConfirm, Message: "there is one", Question: "replace it?"}
	if r := typePaper(t, f, "y\n", "export", "board"); r.code != exitOK || !f.exported[len(f.exported)-1].Yes {
		t.Errorf("exit %d %s", r.code, r.err)
	}
	if r := typePaper(t, f, "", "export", "board"); r.code != exitHuman {
		t.Errorf("exit %d %s", r.code, r.err)
	}
	for _, args := range [][]string{{"export"}, {"export", "a", "b", "c"}, {"export", "a", "b", "-i", "c"}, {"import"}, {"import", "a", "b"}} {
		if r := typePaper(t, f, "", args...); r.code != exitUsage {
			t.Errorf("%v: exit %d %s", args, r.code, r.err)
		}
	}
}

// TestPassphraseOfAFile: it comes from a line of input or of a file, a fresh one is not a short one, and it is never an
// argument that everybody on the machine can see.
func TestPassphraseOfAFile(t *testing.T) {
	f := &paperNode{}
	const words = "four words of ours"
	if r := typePaper(t, f, words+"\n"+words+"\n", "import", "board", "--passphrase"); r.code != exitOK || f.imported[0].Passphrase != words {
		t.Errorf("exit %d %+v %s", r.code, f.imported, r.err)
	}
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, []byte(words+"\nmore\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := typePaper(t, f, "", "export", "board", "--passphrase-file", file); r.code != exitOK || f.exported[0].Passphrase != words {
		t.Errorf("exit %d %+v %s", r.code, f.exported, r.err)
	}
	for name, content := range map[string]string{"short": "short\n", "empty": "\n", "none": ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := typePaper(t, f, "", "export", "board", "--passphrase-file", file); r.code != exitUsage {
			t.Errorf("%s: exit %d %s", name, r.code, r.err)
		}
	}
	if r := typePaper(t, f, "", "import", "board", "--passphrase-file", file+"x"); r.code != exitUsage {
		t.Errorf("no file: exit %d %s", r.code, r.err)
	}
}

// TestSealedNoteIsTyped: the people of --sealed-to, with and without @, once or several times; a note that can be read here
// says for whom it is.
func TestSealedNoteIsTyped(t *testing.T) {
	f := &fakeNode{receipt: api.Receipt{Op: "ab"}}
	for _, args := range [][]string{
		{"note", "--sealed-to", "@bob,@carol", "the words"},
		{"note", "the words", "--sealed-to", "bob", "--sealed-to", "carol"},
		{"note", "--sealed-to=@bob, carol", "the words"},
	} {
		f.writes = nil
		if r := typeOn(t, f, "", args...); r.code != exitOK || len(f.writes) != 1 || strings.Join(f.writes[0].SealTo, " ") != "bob carol" || f.writes[0].Text != "the words" {
			t.Errorf("%v: exit %d %+v %s", args, r.code, f.writes, r.err)
		}
	}
	for _, args := range [][]string{{"note", "--sealed-to", ",", "x"}, {"note", "--sealed-to", "@", "x"}, {"note", "--sealed-to", "@bob"}} {
		if r := typeOn(t, f, "", args...); r.code != exitUsage {
			t.Errorf("%v: exit %d %s", args, r.code, r.err)
		}
	}
	open := api.Note{Text: "the words", SealedFor: []string{"bob", "carol"}}
	closed := api.Note{Text: "sealed for bob (not you)", SealedFor: []string{"bob"}, Unreadable: true}
	if got := sealedText(&open) + "; " + sealedText(&closed); got != "[sealed for bob, carol] the words; sealed for bob (not you)" {
		t.Errorf("shown as %q", got)
	}
}
