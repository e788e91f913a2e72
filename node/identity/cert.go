package identity

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"muster/crdt"
)

// Certificate returns a self-signed TLS certificate that does nothing but carry the device key (the idea is
// Syncthing's). It is valid from 1970 to 9999: laptops with wrong clocks must meet, and a certificate that expires would
// do so in the outage.
func (d Device) Certificate() (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "muster"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, d.key.Public(), d.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: d.key}, nil
}

// PeerDevice returns the device that the other side of a finished TLS handshake has proved to be. Exactly one
// certificate with an Ed25519 key is accepted; everything else in it is ignored.
func PeerDevice(state tls.ConnectionState) (crdt.DeviceID, error) {
	if n := len(state.PeerCertificates); n != 1 {
		return crdt.DeviceID{}, fmt.Errorf("peer sent %d certificates, want 1", n)
	}
	key, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PublicKeySize {
		return crdt.DeviceID{}, errors.New("the peer's certificate does not hold an Ed25519 key")
	}
	return crdt.DeviceID(key), nil
}

// StatelessResetKey returns the key of QUIC stateless resets (RFC 9000 section 10.3). It is derived from the device key so
// that it survives a restart: a peer's old connection then dies at its next packet rather than after the idle timeout.
func (d Device) StatelessResetKey() ([32]byte, error) { return d.derive("muster/quic/reset/v1") }

// TokenKey returns the key of QUIC address validation tokens (RFC 9000 section 8.1).
func (d Device) TokenKey() ([32]byte, error) { return d.derive("muster/quic/token/v1") }

func (d Device) derive(use string) ([32]byte, error) {
	k, err := hkdf.Key(sha256.New, d.key.Seed(), nil, use, 32)
	if err != nil {
		return [32]byte{}, fmt.Errorf("derive %s: %w", use, err)
	}
	return [32]byte(k), nil
}
