package sim

import (
	"crypto/sha256"

	"muster/crdt"
)

// hashSigner signs with a keyed hash whose key is the device's name. Anyone could forge it, and nobody here does.
type hashSigner crdt.DeviceID

func (s hashSigner) Device() crdt.DeviceID { return crdt.DeviceID(s) }

func (s hashSigner) Sign(header []byte) [crdt.SignatureBytes]byte {
	return hashSignature(crdt.DeviceID(s), header)
}

func hashSignature(d crdt.DeviceID, header []byte) (sig [crdt.SignatureBytes]byte) {
	h := sha256.New()
	h.Write(d[:])
	h.Write(header)
	h.Sum(sig[:0])
	return sig
}

func verifyHash(d crdt.DeviceID, header []byte, sig *[crdt.SignatureBytes]byte) bool {
	return hashSignature(d, header) == *sig
}

// verifier returns what the replicas check signatures with.
func (w *world) verifier() crdt.Verifier {
	switch {
	case w.o.Bug == BugForged:
		return func(crdt.DeviceID, []byte, *[crdt.SignatureBytes]byte) bool { return true }
	case w.o.RealKeys:
		return crdt.VerifyEd25519
	}
	return verifyHash
}

var _ crdt.Signer = hashSigner{}
