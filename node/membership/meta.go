package membership

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"muster/crdt"
	"muster/node/identity"
)

const (
	metaContext = "muster/meta/v1"
	metaVersion = 1
	metaSigSize = 64
	// metaMax is the longest address list: below memberlist's 512 bytes.
	metaMax = 2 + addrsMax*(1+16+2) + metaSigSize
)

// formatMeta signs the addresses; those that cannot be sent are left out, and all after the eighth.
func formatMeta(dev identity.Device, addrs []netip.AddrPort) ([]byte, error) {
	b := []byte{metaVersion, 0}
	var sent []netip.AddrPort
	for _, a := range addrs {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if checkEndpoint(a) != nil || slices.Contains(sent, a) || len(sent) == addrsMax {
			continue
		}
		sent = append(sent, a)
		if a.Addr().Is4() {
			b = append(b, 4)
		} else {
			b = append(b, 6)
		}
		b = append(b, a.Addr().AsSlice()...)
		b = binary.BigEndian.AppendUint16(b, a.Port())
	}
	b[1] = byte(len(sent))
	sig, err := dev.Sign(metaContext, signedPart(dev.ID(), b))
	if err != nil {
		return nil, err
	}
	return append(b, sig...), nil
}

// parseMeta reads and verifies the address list of the device. There is one encoding of each list.
func parseMeta(device crdt.DeviceID, meta []byte) ([]netip.AddrPort, error) {
	if len(meta) < 2+metaSigSize || len(meta) > metaMax {
		return nil, fmt.Errorf("address list of %d bytes", len(meta))
	}
	body, sig := meta[:len(meta)-metaSigSize], meta[len(meta)-metaSigSize:]
	if body[0] != metaVersion {
		return nil, fmt.Errorf("address list version %d, this node speaks %d", body[0], metaVersion)
	}
	addrs, err := parseEndpoints(int(body[1]), body[2:])
	if err != nil {
		return nil, fmt.Errorf("address list: %w", err)
	}
	if !identity.Verify(device, metaContext, signedPart(device, body), sig) {
		return nil, errors.New("address list is not signed by its device")
	}
	return addrs, nil
}

func parseEndpoints(count int, b []byte) ([]netip.AddrPort, error) {
	if count > addrsMax {
		return nil, fmt.Errorf("%d addresses", count)
	}
	addrs := make([]netip.AddrPort, 0, count)
	for range count {
		if len(b) == 0 || b[0] != 4 && b[0] != 6 {
			return nil, errors.New("no address where one should be")
		}
		size := 4
		if b[0] == 6 {
			size = 16
		}
		b = b[1:]
		if len(b) < size+2 {
			return nil, errors.New("short address")
		}
		ip, _ := netip.AddrFromSlice(b[:size]) // 4 or 16 bytes are always an address
		a := netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[size:]))
		if err := checkEndpoint(a); err != nil {
			return nil, err
		}
		if slices.Contains(addrs, a) {
			return nil, fmt.Errorf("%s is there twice", a)
		}
		addrs = append(addrs, a)
		b = b[size+2:]
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%d bytes too many", len(b))
	}
	return addrs, nil
}

// checkEndpoint refuses what nobody can dial, or what means something else on another machine.
func checkEndpoint(a netip.AddrPort) error {
	ip := a.Addr()
	switch {
	case !a.IsValid(), a.Port() == 0, ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s cannot be dialed", a)
	case ip.Zone() != "", ip.Is4In6():
		return fmt.Errorf("%s is not in the form that is sent", a)
	}
	return nil
}

// signedPart binds a list to its device as well as to its use.
func signedPart(device crdt.DeviceID, body []byte) []byte {
	return append(slices.Clone(device[:]), body...)
}
