//go:build linux

package bounds

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net/netip"

	"github.com/hashicorp/memberlist"

	"muster/crdt"
	"muster/node/identity"
	"muster/node/transport"
)

// discoveryKey is the one that package node derives.
func discoveryKey(team crdt.DocID) []byte {
	sum := sha256.Sum256(append([]byte("muster/discovery-key/v1"), team[:]...))
	return sum[:]
}

// mac is the end of an announcement.
func mac(key, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(append([]byte("muster/announce/v1"), body...)) // never fails: hash.Hash
	return m.Sum(nil)[:8]
}

func memberAddr(d crdt.DeviceID) memberlist.Address {
	return memberlist.Address{Addr: transport.SynthIP(d).String(), Name: d.String()}
}

// stranger opens one joining connection with a fresh key, and says what the other side does not know.
func stranger(ctx context.Context, to netip.AddrPort) (err error) {
	dev, err := identity.Generate()
	if err != nil {
		return err
	}
	t, err := transport.New(transport.Config{Device: dev, Listen: netip.MustParseAddrPort("127.0.0.1:0"), Member: func(crdt.DeviceID) bool { return false }})
	if err != nil {
		return err
	}
	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- t.Run(runCtx) }()
	err = t.DialStranger(ctx, to, func(_ context.Context, _ crdt.DeviceID, _ []byte, rw io.ReadWriter) error {
		_, err := rw.Write([]byte{0, 0, 0, 1, 9})
		return err
	})
	cancel()
	if end := <-ended; !errors.Is(end, context.Canceled) && !errors.Is(end, context.DeadlineExceeded) {
		err = errors.Join(err, end)
	}
	return errors.Join(err, t.Close())
}
