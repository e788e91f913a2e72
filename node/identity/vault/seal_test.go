package vault

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// seal returns text as SealTo writes it.
func seal(t testing.TB, secret, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := SealTo(&out, secret, WorkRandom)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// open reads all of a sealed stream.
func open(secret string, r io.Reader) (string, error) {
	in, err := OpenFrom(r, secret, WorkPhrase)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(in)
	return string(b), err
}

// TestSealedStreamOpensWithItsSecretOnly: what was written comes back, and with another secret nothing does.
func TestSealedStreamOpensWithItsSecretOnly(t *testing.T) {
	text := strings.Repeat("all operations of the team\n", 9000) // several pieces
	b := seal(t, "the secret", text)
	if got, err := open("the secret", bytes.NewReader(b)); got != text || err != nil {
		t.Errorf("%d bytes and %v", len(got), err)
	}
	if got, err := open("another secret", bytes.NewReader(b)); got != "" || !errors.Is(err, ErrSecret) {
		t.Errorf("another secret: %q, %v", got, err)
	}
	if bytes.Contains(b, []byte("operations")) {
		t.Error("the text can be read in the file")
	}
}

// TestSealedStreamThatIsCutOrChanged: every cut and every flipped bit is an error that says so, and what came before it is
// what was written.
func TestSealedStreamThatIsCutOrChanged(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 1<<13) // two pieces
	b := seal(t, "s", text)
	for n := 0; n < len(b); n += 997 {
		got, err := open("s", bytes.NewReader(b[:n]))
		if err == nil || !strings.HasPrefix(text, got) || !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %d bytes, %v", n, len(got), err)
		}
	}
	for n := 0; n < len(b); n += 499 {
		bad := bytes.Clone(b)
		bad[n] ^= 4
		got, err := open("s", bytes.NewReader(bad))
		if err == nil || !strings.HasPrefix(text, got) || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrSecret) {
			t.Fatalf("bit at %d: %d bytes, %v", n, len(got), err)
		}
	}
}

// TestSealedStreamOfADiskThatFails: the disk's error is not taken for a damaged file.
func TestSealedStreamOfADiskThatFails(t *testing.T) {
	b, gone := seal(t, "s", strings.Repeat("x", 1<<17)), errors.New("no such device")
	for _, n := range []int{0, 100, len(b) / 2} {
		if _, err := open("s", io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(gone))); !errors.Is(err, gone) || errors.Is(err, ErrDamaged) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// TestSealedStreamAsksForTooMuch: neither work without end nor a header without end is done for a file from a stranger.
func TestSealedStreamAsksForTooMuch(t *testing.T) {
	b := seal(t, "s", "x")
	greedy := bytes.Replace(b, []byte(" 10\n"), []byte(" 29\n"), 1)
	if bytes.Equal(greedy, b) {
		t.Fatal("the header has another form")
	}
	if _, err := open("s", bytes.NewReader(greedy)); !errors.Is(err, ErrDamaged) {
		t.Errorf("work of 2^29: %v", err)
	}
	endless := io.MultiReader(strings.NewReader("age-encryption.org/v1\n-> scrypt "), zeroes{})
	if _, err := open("s", endless); !errors.Is(err, ErrDamaged) {
		t.Errorf("a header without end: %v", err)
	}
	if _, err := SealTo(io.Discard, "", WorkRandom); err == nil {
		t.Error("sealed with nothing")
	}
	if _, err := OpenFrom(bytes.NewReader(b), "", WorkRandom); err == nil {
		t.Error("opened with nothing")
	}
}

// zeroes never ends.
type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}
