package identity

import (
	"bytes"
	"testing"
)

// FuzzParseFile: a key file is in the one form it is written in, or damaged.
func FuzzParseFile(f *testing.F) {
	good := formatFile(FromSeed([32]byte{1}))
	f.Add(good)
	f.Add(bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")))
	f.Add(bytes.Replace(good, []byte("AAAA"), []byte("AA\rAA"), 1))
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, text []byte) {
		if d, err := parseFile(text); err == nil && !bytes.Equal(formatFile(d), text) {
			t.Fatalf("%q is accepted and written as %q", text, formatFile(d))
		}
	})
}
