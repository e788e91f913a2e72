package vault

import (
	"errors"
	"fmt"
	"io"
	"math"

	"filippo.io/age"
)

// A file that leaves a node is sealed as an age file (age-encryption.org/v1) with one scrypt recipient. What is read of it is
// what was written, in order: age authenticates every 64 KiB before it hands it out, and the last piece says that it is.
//
// Work factors are the base-2 logarithm of scrypt's N; a unit doubles time and memory, 1 KiB of memory a unit of N. A secret
// that was drawn at random needs none to speak of; one that a person made up needs what its reader can bear to wait.
const (
	WorkRandom = 10 // 1 MiB, milliseconds
	WorkPhrase = 17 // 128 MiB, about half a second
	WorkUnlock = 18 // 256 MiB, about a second: of a vault, whose passphrase guards a whole laptop
)

var (
	// ErrSecret says that a sealed stream is not opened by the secret that was given.
	ErrSecret = errors.New("it was sealed with something else")
	// ErrDamaged says that a sealed stream is not whole, or was changed.
	ErrDamaged = errors.New("it is damaged")
)

// SealTo returns a writer that seals to w what it is given. Closing it writes the end, without which nothing of the last
// piece can be read, and does not close w. Secret is not empty.
func SealTo(w io.Writer, secret string, work int) (io.WriteCloser, error) {
	r, err := age.NewScryptRecipient(secret)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	r.SetWorkFactor(work)
	out, err := age.Encrypt(w, r)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out, nil
}

// OpenFrom returns a reader of what [SealTo] wrote. A stream that asks for more work than workMax is not opened: whoever
// wrote it says how much it takes to find out that it is not for us. Errors, also of reading, wrap [ErrSecret] or
// [ErrDamaged] where they are not those of r.
func OpenFrom(r io.Reader, secret string, workMax int) (io.Reader, error) {
	id, err := age.NewScryptIdentity(secret)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	id.SetMaxWorkFactor(workMax)
	source := &sourceReader{r: r, left: headerMax}
	out, err := age.Decrypt(source, id)
	if err != nil {
		return nil, source.explain(err)
	}
	source.left = math.MaxInt64
	return &openReader{out, source}, nil
}

// headerMax bounds what is read before a stream is known to be ours; a header of [SealTo] has some two hundred bytes.
const headerMax = 64 << 10

// sourceReader bounds the header, and remembers why its reader failed, so that a disk's fault is not taken for a damaged
// file.
type sourceReader struct {
	r    io.Reader
	left int64
	err  error
}

func (s *sourceReader) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := s.r.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *sourceReader) explain(err error) error {
	var wrong *age.NoIdentityMatchError
	switch {
	case s.err != nil:
		return s.err
	case errors.As(err, &wrong):
		return ErrSecret
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

type openReader struct {
	r      io.Reader
	source *sourceReader
}

func (o *openReader) Read(b []byte) (int, error) {
	n, err := o.r.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = o.source.explain(err)
	}
	return n, err
}
