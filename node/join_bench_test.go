package node

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"testing"

	"muster/crdt"
	"muster/node/api"
)

// BenchmarkWordsJoin is the machine's part of letting somebody in by words: from "muster invite" to one board on both, with
// the handshake, over loopback and real disks. Starting the fresh node is not counted.
func BenchmarkWordsJoin(b *testing.B) {
	dir := b.TempDir()
	member := start(b, filepath.Join(dir, "ann"), "ann")
	write(b, member, api.Write{Verb: "declare", Text: "checkout 500s", Severity: 2})
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		who := fmt.Sprintf("p%d", n)
		node := start(b, filepath.Join(dir, who), who)
		b.StartTimer()
		inv, err := member.Invite(b.Context(), api.Invite{Words: true})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := node.Join(b.Context(), api.Join{Code: inv.Words, At: []string{member.Addrs()[0].String()}}); err != nil {
			b.Fatal(err)
		}
		if st, err := node.Status(b.Context()); err != nil || len(st.Incidents) != 1 {
			b.Fatalf("no board: %v", err)
		}
	}
}

// BenchmarkWordsExchange is the handshake and the exchange alone, until the joiner has the code.
func BenchmarkWordsExchange(b *testing.B) {
	dir := b.TempDir()
	member, node := start(b, filepath.Join(dir, "ann"), "ann"), start(b, filepath.Join(dir, "bob"), "bob")
	inv, err := member.Invite(b.Context(), api.Invite{Words: true, Uses: 512})
	if err != nil {
		b.Fatal(err)
	}
	w, _, err := parseSpoken(inv.Words)
	if err != nil {
		b.Fatal(err)
	}
	s, err := node.current(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		j := &joiner{n: node, s: s, spoken: &spoken{spokenWords: w, asked: map[crdt.DeviceID]bool{}}}
		err := s.t.DialStranger(b.Context(), member.Addrs()[0], func(_ context.Context, dev crdt.DeviceID, exporter []byte, rw io.ReadWriter) error {
			_, err := j.speak(dev, exporter, rw)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
