package cli

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/node/api"
)

// lockedStatus is what a locked node answers.
func lockedStatus() api.Status {
	return api.Status{Protection: api.ProtectedLocked, Home: "/home/ann/.muster", Warnings: []string{"locked: it opens with a passphrase; muster unlock"}}
}

// TestLockedNodeSaysOnlyHowToOpenIt: whoever starts a locked laptop is told to unlock it, and not that they are nobody in
// a team of nobody.
func TestLockedNodeSaysOnlyHowToOpenIt(t *testing.T) {
	var b bytes.Buffer
	printStand(&printer{w: &b}, stand(lockedStatus(), nil, nil, noon))
	if got, want := b.String(), "locked: it opens with a passphrase; muster unlock\nnext: muster unlock\n"; got != want {
		t.Errorf("a bare muster says %q, want %q", got, want)
	}
	b.Reset()
	printDiagnosis(&printer{w: &b}, api.Diagnosis{Protection: api.ProtectedLocked, Facts: []api.Fact{{About: "disk", Text: "this node is locked", Bad: true}}})
	if got, want := b.String(), "here:\n! disk: this node is locked\n"; got != want {
		t.Errorf("the doctor says %q, want %q", got, want)
	}
}

// TestDoctorShowsProtection: the doctor ends with what guards the disk.
func TestDoctorShowsProtection(t *testing.T) {
	for protection, want := range map[string]string{
		api.ProtectedNone:       "  not protected: a thief of this laptop can read the board (muster protect)\n",
		api.ProtectedKeyring:    "  disk: protected by the keyring of your desktop session\n",
		api.ProtectedPassphrase: "  disk: protected by a passphrase\n",
	} {
		var b bytes.Buffer
		printDiagnosis(&printer{w: &b}, api.Diagnosis{Protection: protection, Well: true})
		if !strings.HasSuffix(b.String(), want) {
			t.Errorf("with %q the doctor says %q, want %q last", protection, b.String(), want)
		}
	}
}

// TestStatusSaysWhoFillsTheBoard: of a large board the status tells who wrote how much, five people at most, and who is
// slowed down; of a small one nothing.
func TestStatusSaysWhoFillsTheBoard(t *testing.T) {
	st := api.Status{Responder: "ann", Team: "sre", Storage: []api.Storage{
		{Responder: "mallory-with-a-very-long-name-that-fills-it", Operations: 61_234, Bytes: 40_400_000, Delayed: true},
		{Responder: "ann", Operations: 1, Bytes: 300},
		{Responder: "b"},
		{Responder: "c"},
		{Responder: "d"},
		{Responder: "e"},
		{Responder: "f"},
	}}
	var b bytes.Buffer
	printStatus(&printer{w: &b}, st)
	for _, want := range []string{"61234 operations, 40 MB", "ann        1 operation, 1 kB\n", "  and 2 more people\n", "slowed down"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the status lacks %q:\n%s", want, b.String())
		}
	}
	for line := range strings.Lines(b.String()) {
		if utf8.RuneCountInString(line) > columns+1 {
			t.Errorf("%q is wider than the screen", line)
		}
	}
	st.Storage = nil
	b.Reset()
	if printStatus(&printer{w: &b}, st); strings.Contains(b.String(), "stored here") {
		t.Errorf("of a small board the status tells %q", b.String())
	}
}

// TestRallyAddressesFitPaper: three long addresses of one laptop are whole, and no line is wider than the paper.
func TestRallyAddressesFitPaper(t *testing.T) {
	in := rallyTeam(2)
	in.Places[1].Addrs = []string{"[2001:db8:1111:2222:3333:4444:5555:6666]:41234", "[2001:db8:1111:2222:3333:4444:5555:7777]:41234", "192.0.2.7:7946"}
	all := strings.Join(rallyPages(t, rallyPage{Rally: in}), "")
	for _, a := range in.Places[1].Addrs {
		if !strings.Contains(all, a) {
			t.Errorf("%s is not on the page", a)
		}
	}
	for line := range strings.Lines(all) {
		if utf8.RuneCountInString(line) > columns+1 {
			t.Errorf("%q is wider than the paper", line)
		}
	}
}
