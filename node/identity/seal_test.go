package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// The key to seal to follows from the seed alone, for ever: what was sealed to a laptop must open after every update.
func TestSealKeyIsPinned(t *testing.T) {
	for seed, want := range map[byte]string{
		1: "6ad4e4d98f4133db4577b7698e3ade6e44e1592fe9e4f60d15f30c8508837b62",
		2: "200658e6b58b06f08f3681b6b3cfb66bae3d6fd69ee49e050f5c8dd1a119768b",
	} {
		pub := FromSeed([32]byte{seed}).SealKey()
		if len(pub) != SealKeySize {
			t.Errorf("seed %d: a key of %d bytes", seed, len(pub))
		}
		sum := sha256.Sum256(pub)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("seed %d: key with SHA-256 %s, want %s", seed, got, want)
		}
	}
}

// What is sealed to a device opens there and nowhere else, for its use and no other, and unchanged or not at all.
func TestOnlyTheDeviceOpensWhatIsSealedToIt(t *testing.T) {
	ann, bob := FromSeed([32]byte{1}), FromSeed([32]byte{2})
	plain := []byte("root password: correct horse")
	sealed, err := SealTo(ann.SealKey(), "muster/test/v1", plain)
	if err != nil {
		t.Fatal(err)
	}
	if len(sealed) != len(plain)+SealOverhead {
		t.Errorf("%d bytes became %d, want %d more", len(plain), len(sealed), SealOverhead)
	}
	if bytes.Contains(sealed, plain[:8]) {
		t.Error("it can be read without a key")
	}
	got, err := ann.Open("muster/test/v1", sealed)
	if err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := bob.Open("muster/test/v1", sealed); err == nil {
		t.Error("another device opened it")
	}
	if _, err := ann.Open("muster/other/v1", sealed); err == nil {
		t.Error("it opened for another use")
	}
	for _, i := range []int{0, 600, 1119, 1120, len(sealed) - 1} {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if got, err := ann.Open("muster/test/v1", bad); err == nil {
			t.Errorf("with byte %d changed it opened as %q", i, got)
		}
	}
	for _, n := range []int{0, 1, 1120, len(sealed) - 1} {
		if _, err := ann.Open("muster/test/v1", sealed[:n]); err == nil {
			t.Errorf("the first %d bytes opened", n)
		}
	}
}

// A key that is none is refused and seals nothing.
func TestSealToBadKey(t *testing.T) {
	for _, pub := range [][]byte{nil, {1, 2, 3}, make([]byte, SealKeySize+1), bytes.Repeat([]byte{0xff}, SealKeySize)} {
		if sealed, err := SealTo(pub, "muster/test/v1", []byte("x")); err == nil {
			t.Errorf("a key of %d bytes sealed %d bytes", len(pub), len(sealed))
		}
	}
}

// FuzzOpen: nothing that was not sealed to this device opens, whatever it is.
func FuzzOpen(f *testing.F) {
	d := FromSeed([32]byte{1})
	sealed, err := SealTo(d.SealKey(), "muster/test/v1", []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed[:1120])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, err := d.Open("muster/fuzz/v1", b); err == nil {
			t.Fatalf("%x opened as %q", b, plain)
		}
	})
}

// BenchmarkSealTo is what a new team key costs for each device.
func BenchmarkSealTo(b *testing.B) {
	pub := FromSeed([32]byte{1}).SealKey()
	for b.Loop() {
		if _, err := SealTo(pub, "muster/test/v1", make([]byte, 32)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is what reading a team key costs.
func BenchmarkOpen(b *testing.B) {
	d := FromSeed([32]byte{1})
	sealed, err := SealTo(d.SealKey(), "muster/test/v1", make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := d.Open("muster/test/v1", sealed); err != nil {
			b.Fatal(err)
		}
	}
}
