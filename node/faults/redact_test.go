//go:build faults

package faults

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"muster/node/api"
)

// TestRedactedBytesLeaveEveryDisk: a secret that everybody has got is redacted while one node is cut off and revises it,
// another is down, and nodes are killed. Once all hold the same, no file of any node has the secret, whatever wrote it:
// journal, tables and logs of the store, or the log of the program.
func TestRedactedBytesLeaveEveryDisk(t *testing.T) {
	since, rnd := time.Now(), random(t)
	ls, g := newTeam(t, tempHomes(t, 3)...), newLedger()
	ann, bob, cyd := ls[0], ls[1], ls[2]
	for i := range *redactions {
		secret := fmt.Sprintf("hunter-%d-%08x", i, rnd.Uint32())
		id := say(t, g, ann, api.Write{Verb: "note", Text: "the password is " + secret})
		converge(t, ls)
		say(t, g, cyd, api.Write{Verb: "edit", Ref: id, Text: "the password was " + secret + ", changed"})
		converge(t, ls)
		for _, l := range ls {
			if len(filesWith(t, l, secret)) == 0 {
				t.Fatalf("%s does not have the secret: this proves nothing", l.name)
			}
		}

		ask(t, bob, func(ctx context.Context) error { _, err := bob.node.Cut(ctx, nil); return err })
		cyd.kill()
		say(t, g, bob, api.Write{Verb: "edit", Ref: id, Text: "do not use " + secret})
		say(t, g, ann, api.Write{Verb: "redact", Ref: id, Text: "a secret", Yes: true})
		if rnd.IntN(2) == 0 { // the redaction is saved; cleaning up may have begun
			let(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			ann.kill()
			ann.start()
		}
		ask(t, bob, func(ctx context.Context) error { _, err := bob.node.Heal(ctx); return err })
		cyd.start()
		let(time.Duration(rnd.IntN(2000)) * time.Millisecond)
		hit := ls[1+rnd.IntN(2)]
		hit.kill()
		hit.start()
		converge(t, ls)
		for _, l := range ls {
			if err := l.stop(); err != nil {
				t.Errorf("%s ended: %v", l.name, err)
			}
			if files := filesWith(t, l, secret); len(files) > 0 {
				t.Errorf("redaction %d: %s still has the secret in %q", i, l.name, files)
			}
		}
		for _, l := range ls {
			l.start()
		}
		if t.Failed() {
			return
		}
	}
	report("redaction", *redactions, audit(t, ls, g), since, "found in no file")
}

// say writes on the first incident, and returns the operation.
func say(t *testing.T, g *ledger, l *laptop, w api.Write) string {
	t.Helper()
	w.Incident, w.Yes = "outage 0", true // also where the text looks like the secret that it is
	var r api.Receipt
	ask(t, l, func(ctx context.Context) (err error) { r, err = l.node.Write(ctx, w); return err })
	g.note(l.name, r, nil)
	return r.Op
}

// ask asks a node something that it must be able to do.
func ask(t *testing.T, l *laptop, what func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), askTimeout)
	defer cancel()
	if err := what(ctx); err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
}

// filesWith returns the files of a node that contain a text.
func filesWith(t *testing.T, l *laptop, text string) []string {
	t.Helper()
	var out []string
	look := func(path string) error {
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) { // the node works on it
			return nil
		}
		if bytes.Contains(b, []byte(text)) {
			out = append(out, path)
		}
		return err
	}
	err := filepath.WalkDir(l.dir, func(path string, e fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		return look(path)
	})
	if err == nil {
		err = look(l.log)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
