//go:build faults

package faults

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// stolen is what nobody may read off a stolen disk: team, person, incident, note, phone.
var stolen = []string{"Zebra Squad", "annabelle", "quagmire", "xylophone", "7946 0018"}

// TestStolenDiskTellsNothing is T7: the power of a laptop is cut while its node runs, and every byte of its disk is read,
// as a thief would. A home that was protected by a passphrase from its first start tells no name and no text; one that
// was not tells all of them, so that the search proves something.
func TestStolenDiskTellsNothing(t *testing.T) {
	since := time.Now()
	for _, protected := range []bool{false, true} {
		d := newExt4(t, 96)
		home := filepath.Join(d.dir, "home")
		run := func(args ...string) {
			t.Helper()
			verb := exec.CommandContext(t.Context(), binary, append([]string{"--dir", home}, args...)...)
			verb.Env = append(environ(), "MUSTER_LISTEN=127.0.0.1:0", "MUSTER_DISCOVER=off", "MUSTER_KEYRING=off")
			if out, err := verb.CombinedOutput(); err != nil {
				t.Errorf("muster %q: %v\n%s", args, err, out)
			}
		}
		if protected {
			words := filepath.Join(t.TempDir(), "words")
			if err := os.WriteFile(words, []byte("correct horse battery\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			run("protect", "passphrase", "--passphrase-file", words)
		}
		run("init", "--name", "annabelle", "--team", "Zebra Squad")
		run("declare", "quagmire payments", "--sev", "1")
		run("note", "a xylophone in the rack")
		run("profile", "--phone", "+44 20 7946 0018")
		shell(t, "sync", "-f", d.dir)
		found := searchImage(t, d.image)
		run("down")
		switch {
		case protected && len(found) > 0:
			t.Errorf("the protected disk tells %q", found)
		case !protected && len(found) < len(stolen):
			t.Errorf("the plain disk tells only %q: the search proves little", found)
		}
	}
	t.Logf("theft: 2 disks of 96 MiB searched whole for %d names in %s", len(stolen), time.Since(since).Round(time.Second))
}

// searchImage returns which of stolen are anywhere in an image.
func searchImage(t *testing.T, path string) (found []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const piece, overlap = 4 << 20, 64
	b := make([]byte, piece+overlap)
	seen := map[string]bool{}
	for at := int64(0); ; at += piece {
		n, err := f.ReadAt(b, at)
		for _, s := range stolen {
			if bytes.Contains(b[:n], []byte(s)) && !seen[s] {
				seen[s] = true
				found = append(found, s)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}
