package node

import (
	"crypto/ed25519"
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"
)

// TestCodeSurvivesPasting: a code is read in any case, with spaces and line ends, and refused when a character is wrong.
func TestCodeSurvivesPasting(t *testing.T) {
	c := &code{team: [32]byte{1, 2, 3}, addrs: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:7946"), netip.MustParseAddrPort("[2001:db8::1]:9")}}
	c.secret = [16]byte{4, 5, 6}
	text := c.String()
	for _, s := range []string{text, "  " + text + "\n", text[:20] + "\n" + text[20:40] + " " + text[40:]} {
		got, err := parseCode(s)
		if err != nil || got.team != c.team || got.secret != c.secret || len(got.addrs) != 2 || got.addrs[1] != c.addrs[1] {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	if !got25519(c) {
		t.Error("the key does not follow from the secret")
	}
	for i := len(codePrefix); i < len(text); i++ {
		wrong := []byte(text)
		wrong[i] = map[bool]byte{true: 'b', false: 'a'}[wrong[i] == 'a']
		if got, err := parseCode(string(wrong)); err == nil && got.String() != text {
			t.Errorf("a wrong character at %d goes unnoticed", i)
		}
	}
	for _, s := range []string{"", "muster-", "hello", text[:len(text)-4]} {
		if _, err := parseCode(s); err == nil {
			t.Errorf("%q is taken for a code", s)
		}
	}
}

// TestCodeCarriesWhatIsAnnounced: where a team announces itself with a newer key the code holds it, in a version that says so;
// where it does not the code is as it always was.
func TestCodeCarriesWhatIsAnnounced(t *testing.T) {
	c := &code{team: [32]byte{1}, secret: [16]byte{2}, addrs: []netip.AddrPort{netip.MustParseAddrPort("10.1.2.3:7946")}}
	const old = "muster-aebaaaaaaaaaaaaaaaaaaaaaaaaacaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabaqfacaqdd4fhq6a"
	if got := c.String(); got != old {
		t.Errorf("the code of version 1 is %s, want %s", got, old)
	}
	if string(c.discoveryKey()) != string(discoveryKey(c.team)) {
		t.Error("what is looked for does not follow from the team")
	}
	c.announce = discoveryKey([32]byte{7})
	got, err := parseCode(strings.ToUpper(c.String()))
	if err != nil || string(got.announce) != string(c.announce) || string(got.discoveryKey()) != string(c.announce) || len(got.addrs) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := parseCode(withVersion(t, c, 3)); err == nil || !strings.Contains(err.Error(), "newer muster") {
		t.Errorf("a version that is not known: %v", err)
	}
}

// withVersion is the code with another version and the right sum.
func withVersion(t *testing.T, c *code, version byte) string {
	t.Helper()
	b, err := codeText.DecodeString(strings.TrimPrefix(c.String(), codePrefix))
	if err != nil {
		t.Fatal(err)
	}
	b[0] = version
	sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b[:len(b)-2], codeCRC))
	return codePrefix + codeText.EncodeToString(append(b[:len(b)-2], sum[:2]...))
}

func got25519(c *code) bool { return len(c.key()) == ed25519.PrivateKeySize && c.key().Equal(c.key()) }
