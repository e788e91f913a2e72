package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/zalando/go-keyring"
)

// RingWait is how long a keyring may take to answer when nobody sits before it.
const RingWait = 2 * time.Second

// ringService is the service under which entries are kept.
const ringService = "muster"

// Errors of a keyring.
var (
	// ErrNoRing says that this session has no keyring.
	ErrNoRing = errors.New("this session has no keyring")
	// ErrRingSilent says that the keyring did not answer in time: it is locked and asks its owner, or hangs.
	ErrRingSilent = errors.New("the keyring does not answer")
	// ErrNotInRing says that the keyring has no key for this vault: it was made in another session, or on another machine.
	ErrNotInRing = errors.New("this session's keyring has no key for this directory")
)

// A Ring is a keyring. Its methods may take any time.
type Ring interface {
	Get(entry string) (string, error) // ErrNotInRing, ErrNoRing or its own
	Set(entry, secret string) error
	Delete(entry string) error
}

// System returns the keyring of the desktop session: the Secret Service on Linux, the Keychain on macOS, the Credential
// Manager on Windows.
func System() Ring { return systemRing{} }

type systemRing struct{}

func (systemRing) Get(entry string) (string, error) {
	if !haveSession() {
		return "", ErrNoRing
	}
	s, err := keyring.Get(ringService, entry)
	return s, ringError(err)
}

func (systemRing) Set(entry, secret string) error {
	if !haveSession() {
		return ErrNoRing
	}
	return ringError(keyring.Set(ringService, entry, secret))
}

func (systemRing) Delete(entry string) error {
	if !haveSession() {
		return ErrNoRing
	}
	return ringError(keyring.Delete(ringService, entry))
}

// haveSession reports whether there can be a keyring. On Linux that takes a session bus which is running already: the
// library would start one of its own otherwise, which nobody else is on.
func haveSession() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return true
	}
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "bus"))
	return err == nil
}

func ringError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotInRing
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return ErrNoRing
	}
	return fmt.Errorf("%w: %w", ErrNoRing, err)
}

func get(how How, entry string) (string, error) {
	return bounded(how, func(r Ring) (string, error) { return r.Get(entry) })
}

// put stores a secret and reads it back: there are keyrings that forget at once.
func put(how How, entry, secret string) error {
	back, err := bounded(how, func(r Ring) (string, error) {
		if err := r.Set(entry, secret); err != nil {
			return "", err
		}
		return r.Get(entry)
	})
	if err == nil && back != secret {
		err = fmt.Errorf("%w: it gives back something else", ErrNoRing)
	}
	return err
}

func remove(how How, entry string) error {
	_, err := bounded(how, func(r Ring) (string, error) { return "", r.Delete(entry) })
	return err
}

// bounded asks the keyring, and gives up after how.Wait. A call to a keyring that hangs cannot be taken back: its goroutine
// stays until the keyring answers or the process ends, at most one for each call that failed.
func bounded(how How, call func(Ring) (string, error)) (string, error) {
	if how.Ring == nil {
		return "", ErrNoRing
	}
	wait := how.Wait
	if wait == 0 {
		wait = RingWait
	}
	type answer struct {
		text string
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		text, err := call(how.Ring)
		done <- answer{text, err}
	}()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case a := <-done:
		return a.text, a.err
	case <-t.C:
		return "", fmt.Errorf("%w within %s", ErrRingSilent, wait)
	}
}
