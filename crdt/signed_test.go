package crdt_test

import (
	"crypto/ed25519"
	"testing"

	"muster/crdt"
)

// Whether an operation came with a signature of its own is known, also when the signature came later.
func TestSigned(t *testing.T) {
	signed, err := crdt.Seal(crdt.Op{Dot: crdt.Dot{Epoch: 1, Seq: 1}, Kind: 64}, [crdt.SaltBytes]byte{1}, []byte{0xa0}, crdt.Ed25519Signer(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))))
	if err != nil {
		t.Fatal(err)
	}
	g := crdt.NewGraph(signed.Doc())
	bare := *signed
	bare.Sig = nil
	if g.Signed(bare.Hash) {
		t.Error("an operation that is not here counts as signed")
	}
	for _, step := range []struct {
		rec  *crdt.Record
		want bool
	}{{&bare, false}, {signed, true}, {&bare, true}} {
		if _, err := g.Add(step.rec); err != nil {
			t.Fatal(err)
		}
		if got := g.Signed(bare.Hash); got != step.want {
			t.Errorf("signed %t, want %t", got, step.want)
		}
	}
}
