package identity

import (
	"crypto/hpke"
	"fmt"
)

// Beside its signing key a device has a key to which others seal what only it may read: HPKE (RFC 9180) in base mode with
// ML-KEM-768 and X25519 together, HKDF-SHA256 and ChaCha20-Poly1305. It is derived from the seed of the signing key, so
// that there is one secret to keep and one file to lose. Its public half is in the team document, signed by the device.
const (
	SealKeySize  = 1216      // bytes of a public key
	SealOverhead = 1120 + 16 // bytes by which what is sealed is longer: the encapsulated key and the tag
	sealUse      = "muster/hpke/v1"
)

// SealKey returns the public key to seal to this device, [SealKeySize] bytes that belong to the caller. The same device
// always has the same one.
func (d Device) SealKey() []byte { return d.sealKey().PublicKey().Bytes() }

// Open returns what [SealTo] was given with this device's key and the same info. An error says no more than that it does
// not open: it was sealed to another device, for another use, or was changed.
func (d Device) Open(info string, sealed []byte) ([]byte, error) {
	plain, err := hpke.Open(d.sealKey(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info), sealed)
	if err != nil {
		return nil, fmt.Errorf("open what was sealed for %s: %w", info, err)
	}
	return plain, nil
}

// SealTo encrypts plain so that only the device whose [Device.SealKey] is pub can read it. Info says what for, a name with
// a version such as "muster/team-key/v1", and must be given again to open it: nothing sealed for one use passes for another.
// It does not say who sealed it; the signed operation around it does.
func SealTo(pub []byte, info string, plain []byte) ([]byte, error) {
	k, err := hpke.MLKEM768X25519().NewPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("seal for %s: %w", info, err)
	}
	sealed, err := hpke.Seal(k, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(info), plain)
	if err != nil {
		return nil, fmt.Errorf("seal for %s: %w", info, err)
	}
	return sealed, nil
}

// sealKey derives the private key. Neither step can fail for a seed of the right length.
func (d Device) sealKey() hpke.PrivateKey {
	ikm, err := d.derive(sealUse)
	if err != nil {
		panic(err)
	}
	k, err := hpke.MLKEM768X25519().DeriveKeyPair(ikm[:])
	if err != nil {
		panic(fmt.Errorf("derive %s: %w", sealUse, err))
	}
	return k
}
