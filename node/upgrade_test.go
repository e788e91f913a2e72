package node

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"muster/node/api"
)

// upgradeDigest is what the muster that wrote testdata/upgrade/team-of-two.tar.gz showed as its board's digest.
const upgradeDigest = "6ba017097b3fb74935775c9e1f58db75"

// unpack writes the files of a packed home.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			err = os.MkdirAll(path, 0o700)
		} else {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestHomeFromBeforeKeepsWorking: the home of a muster that knew no vault, of a team of two with an incident, tasks, a
// decision, a redacted note and profiles, shows the same board, is written to, is protected with everything it holds, and
// is sound before and after.
func TestHomeFromBeforeKeepsWorking(t *testing.T) {
	cfg := guardedConfig(filepath.Join(t.TempDir(), "home"))
	unpack(t, filepath.Join("testdata", "upgrade", "team-of-two.tar.gz"), cfg.Dir)
	n, stop := running(t, cfg)
	if got := digest(t, n); got != upgradeDigest {
		t.Errorf("digest %s, want %s", got, upgradeDigest)
	}
	in, err := n.Show(t.Context(), "")
	if err != nil || in.Title != "quagmire payments" || len(in.Tasks) != 2 || len(in.Notes) != 3 || len(in.Decisions) != 1 {
		t.Errorf("%+v, %v", in, err)
	}
	if v := verified(t, n); !v.Sound {
		t.Errorf("before: %+v", v)
	}
	if _, err := n.Write(t.Context(), api.Write{Verb: "note", Text: "written after the upgrade"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Protect(t.Context(), api.Protect{Mode: api.ProtectedPassphrase, Passphrase: passphrase}); err != nil {
		t.Fatal(err)
	}
	board := digest(t, n) // with the relay key that protecting names
	stop()
	if found := namesIn(t, cfg.Dir); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	cfg.Passphrase = passphrase
	n, _ = running(t, cfg)
	if v := verified(t, n); !v.Sound || digest(t, n) != board {
		t.Errorf("after: %+v", v)
	}
}
