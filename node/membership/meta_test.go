package membership

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// What is signed is what is read, without what cannot be sent, and never longer than memberlist allows.
func TestMetaRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addrs := rapid.SliceOfN(rapid.Custom(anyEndpoint), 0, 12).Draw(t, "addrs")
		meta, err := formatMeta(device(1), addrs)
		if err != nil {
			t.Fatal(err)
		}
		if len(meta) > metaMax || len(meta) > 512 {
			t.Fatalf("%d bytes", len(meta))
		}
		got, err := parseMeta(device(1).ID(), meta)
		if err != nil {
			t.Fatal(err)
		}
		var want []netip.AddrPort
		for _, a := range addrs {
			a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
			if checkEndpoint(a) == nil && !slices.Contains(want, a) && len(want) < addrsMax {
				want = append(want, a)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func anyEndpoint(t *rapid.T) netip.AddrPort {
	size := rapid.SampledFrom([]int{4, 16}).Draw(t, "size")
	raw := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "ip")
	if rapid.Bool().Draw(t, "mapped") && size == 16 {
		copy(raw, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})
	}
	ip, _ := netip.AddrFromSlice(raw)
	if rapid.Bool().Draw(t, "zone") {
		ip = ip.WithZone("eth0") // ignored by IPv4
	}
	return netip.AddrPortFrom(ip, rapid.Uint16().Draw(t, "port"))
}

// Every way to damage a list is refused.
func TestMetaRefusesDamage(t *testing.T) {
	good, err := formatMeta(device(1), []netip.AddrPort{hostAddr(1), netip.MustParseAddrPort("[fd00::1]:4100")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseMeta(device(2).ID(), good); err == nil {
		t.Error("accepted for another device")
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		if got, err := parseMeta(device(1).ID(), bad); err == nil {
			t.Errorf("accepted with byte %d changed: %v", i, got)
		}
		if _, err := parseMeta(device(1).ID(), good[:i]); err == nil {
			t.Errorf("accepted at %d bytes", i)
		}
	}
	if _, err := parseMeta(device(1).ID(), append(slices.Clone(good), 0)); err == nil {
		t.Error("accepted with a byte too many")
	}
	for _, body := range [][]byte{ // well signed, but not what a node may say
		{metaVersion, 9},
		{metaVersion, 1, 5, 1, 2, 3, 4, 0, 80},
		{metaVersion, 1, 4, 0, 0, 0, 0, 0, 80},
		{metaVersion, 1, 4, 224, 0, 0, 1, 0, 80},
		{metaVersion, 1, 4, 1, 2, 3, 4, 0, 0},
		{metaVersion, 2, 4, 1, 2, 3, 4, 0, 80, 4, 1, 2, 3, 4, 0, 80},
		{metaVersion, 1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 80},
		{metaVersion + 1, 0},
	} {
		sig, err := device(1).Sign(metaContext, signedPart(device(1).ID(), body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseMeta(device(1).ID(), append(slices.Clone(body), sig...)); err == nil {
			t.Errorf("accepted %v: %v", body, got)
		}
	}
}

// Whatever parses is in the one form it is written in.
func FuzzParseEndpoints(f *testing.F) {
	f.Add(byte(1), []byte{4, 10, 0, 0, 1, 0x10, 0x04})
	f.Add(byte(1), append([]byte{6, 0xfd}, make([]byte, 17)...))
	f.Add(byte(0), []byte{})
	f.Add(byte(255), []byte{4})
	f.Fuzz(func(t *testing.T, count byte, b []byte) {
		addrs, err := parseEndpoints(int(count), b)
		if err != nil {
			return
		}
		meta, err := formatMeta(device(1), addrs)
		if err != nil {
			t.Fatal(err)
		}
		if want := append([]byte{metaVersion, count}, b...); !bytes.HasPrefix(meta, want) || len(meta) != len(want)+metaSigSize {
			t.Fatalf("%v is written as %s", fmt.Sprint(addrs), meta)
		}
	})
}
