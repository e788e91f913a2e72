package wire_test

import (
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"slices"

	"muster/crdt"

	"pgregory.net/rapid"
)

// fixedKey returns the private key whose RFC 8032 seed is 32 times b.
func fixedKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(slices.Repeat([]byte{b}, ed25519.SeedSize))
}

// hashSigner signs with a keyed hash: nobody forges here, and it costs a hundredth of a signature.
type hashSigner crdt.DeviceID

func (s hashSigner) Device() crdt.DeviceID { return crdt.DeviceID(s) }

func (s hashSigner) Sign(header []byte) [crdt.SignatureBytes]byte {
	return sha512.Sum512(append(slices.Clone(s[:]), header...))
}

func verifyHash(d crdt.DeviceID, header []byte, sig *[crdt.SignatureBytes]byte) bool {
	return hashSigner(d).Sign(header) == *sig
}

func deviceN(n int) crdt.DeviceID {
	return crdt.DeviceID(crdt.SumHash(fmt.Appendf(nil, "device %d", n)))
}

// A fataler is what helpers need of a *testing.T, a *testing.B or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func seal(t fataler, op crdt.Op, salt byte, body []byte, s crdt.Signer) *crdt.Record {
	t.Helper()
	rec, err := crdt.Seal(op, [crdt.SaltBytes]byte{salt, 1, 2}, body, s)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return rec
}

// unsigned returns rec as it travels when its successor vouches for it.
func unsigned(rec *crdt.Record) *crdt.Record {
	c := *rec
	c.Sig = nil
	return &c
}

// sortedHashes returns the names of recs, ascending.
func sortedHashes(recs ...*crdt.Record) []crdt.Hash {
	hs := make([]crdt.Hash, len(recs))
	for i, rec := range recs {
		hs[i] = rec.Hash
	}
	slices.SortFunc(hs, crdt.Hash.Compare)
	return hs
}

// records draws the history of one document, in an order that agrees with causality: several devices with several
// epochs, forks, operations without bodies, operations that tie heads together, fields of later versions.
func records(maxOps int) *rapid.Generator[[]*crdt.Record] {
	return rapid.Custom(func(t *rapid.T) []*crdt.Record {
		founding := seal(t, crdt.Op{Dot: crdt.Dot{Seq: 1}, WallMS: 1e12, Kind: 64}, 0, []byte("found"), hashSigner(deviceN(0)))
		recs := []*crdt.Record{founding}
		logs := map[crdt.LogID][]*crdt.Record{{Device: deviceN(0)}: {founding}}
		for i := range rapid.IntRange(0, maxOps-1).Draw(t, "ops") {
			op := crdt.Op{Doc: founding.Doc(), Kind: 64, WallMS: rapid.Int64Range(0, crdt.MaxWallMS).Draw(t, "wall")}
			log := crdt.LogID{
				Device: deviceN(rapid.IntRange(0, 3).Draw(t, "device")), Epoch: uint64(rapid.IntRange(0, 1).Draw(t, "epoch")),
			}
			op.Dot = crdt.Dot{Device: log.Device, Epoch: log.Epoch, Seq: 1}
			if own := logs[log]; len(own) > 0 {
				prev := own[len(own)-1]
				if rapid.IntRange(0, 5).Draw(t, "fork") == 0 {
					prev = rapid.SampledFrom(own).Draw(t, "from")
				}
				op.Prev, op.Dot.Seq = prev.Hash, prev.Op.Dot.Seq+1
			}
			seen := rapid.SliceOfNDistinct(rapid.IntRange(0, len(recs)-1), 0, min(4, len(recs)), rapid.ID[int]).Draw(t, "seen")
			for _, j := range seen {
				if recs[j].Hash != op.Prev {
					op.Parents = append(op.Parents, recs[j].Hash)
				}
			}
			if op.Prev.IsZero() && len(op.Parents) == 0 {
				op.Parents = sortedHashes(founding)
			}
			slices.SortFunc(op.Parents, crdt.Hash.Compare)
			for n := range rapid.IntRange(0, 2).Draw(t, "team") {
				op.Team = append(op.Team, crdt.Hash{1, byte(n)})
			}
			op.Ext = rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "ext")
			body := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "body")
			if rapid.IntRange(0, 9).Draw(t, "weave") == 0 {
				op.Kind, body = crdt.KindWeave, nil
			}
			rec := seal(t, op, byte(i), body, hashSigner(log.Device))
			if rapid.IntRange(0, 9).Draw(t, "erased") == 0 {
				rec = rec.WithoutBody()
			}
			recs, logs[log] = append(recs, rec), append(logs[log], rec)
		}
		return recs
	})
}

// vouched returns recs without the signatures that a successor in recs makes needless.
func vouched(recs []*crdt.Record) []*crdt.Record {
	followed := map[crdt.Hash]bool{}
	for _, rec := range recs {
		followed[rec.Op.Prev] = true
	}
	out := slices.Clone(recs)
	for i, rec := range out {
		if followed[rec.Hash] {
			out[i] = unsigned(rec)
		}
	}
	return out
}
