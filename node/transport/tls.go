package transport

import (
	"crypto/tls"
	"fmt"

	"muster/crdt"
	"muster/node/identity"
)

// alpn is the protocol and its version; another one does not get through the handshake.
const alpn = "muster/1"

// serverTLS accepts every device that proves an Ed25519 key: who is a member is decided after the handshake, because a
// stranger may be about to join. VerifyConnection, unlike VerifyPeerCertificate, also runs when a session is
// resumed; there are no sessions to resume all the same.
func (t *Transport) serverTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{t.cert},
		NextProtos:             []string{alpn},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := identity.PeerDevice(state)
			return err
		},
	}
}

// clientTLS accepts only the device want, or any if want is zero. The certificate is its own authority, so the usual
// verification is off and the key is compared instead.
func (t *Transport) clientTLS(want crdt.DeviceID) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{t.cert},
		NextProtos:         []string{alpn},
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			device, err := identity.PeerDevice(state)
			if err != nil {
				return err
			}
			if !want.IsZero() && device != want {
				return fmt.Errorf("%w: %s, not %s", ErrOtherDevice, device.Short(), want.Short())
			}
			return nil
		},
	}
}
