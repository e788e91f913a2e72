package node

import (
	"crypto/ed25519"
	"net/netip"
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

func got25519(c *code) bool { return len(c.key()) == ed25519.PrivateKeySize && c.key().Equal(c.key()) }
