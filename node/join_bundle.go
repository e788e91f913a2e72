package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/wire"
)

// A bundle is an invitation that needs no network: whoever holds the file writes themselves into the team, and every member
// can check that they may have. It is a line, and then frames as on a joining stream:
//
//	"muster bundle v1\n"
//	long code, as text
//	0 | team document as a Batch, after parts that begin with 2
//	0 | team keys, a line each
//	SHA-256 of all before
//
// The sum is against a stick that was pulled out too soon; what is in the document is signed.
type bundle struct {
	code *code
	doc  *wire.Batch
	keys string
}

const (
	bundleHeader   = "muster bundle v1\n"
	bundleBytesMax = 16 << 20 // as read; a team document of a thousand people is 4 MiB
)

// bundle returns the file for a code of this team.
func (s *session) bundle(ctx context.Context, c *code) ([]byte, error) {
	b := &bundle{code: c}
	err := s.do(ctx, func(time.Time) (err error) {
		if keys := s.teamKeys(); len(keys) > 0 {
			b.keys = formatTeamKeys(keys[:1])
		}
		b.doc, err = s.r.Whole(s.team)
		return err
	})
	if err != nil {
		return nil, err
	}
	return b.append(nil)
}

// append appends the file.
func (b *bundle) append(dst []byte) ([]byte, error) {
	w := bytes.NewBuffer(dst)
	w.WriteString(bundleHeader) // never fails, as nothing that writes to a bytes.Buffer
	if err := errors.Join(
		writeFrame(w, []byte(b.code.String())), writeDocument(w, answerPart, answerYes, b.doc), writeFrame(w, []byte{answerYes}, []byte(b.keys)),
	); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(w.Bytes()[len(dst):])
	w.Write(sum[:])
	return w.Bytes(), nil
}

// parseBundle reads a file. Signatures are checked when it is used.
func parseBundle(b []byte) (*bundle, error) {
	if !bytes.HasPrefix(b, []byte("muster bundle v")) {
		return nil, errors.New("this is not an invitation file")
	}
	if !bytes.HasPrefix(b, []byte(bundleHeader)) {
		return nil, errors.New("the invitation file is of a newer muster")
	}
	if len(b) < len(bundleHeader)+sha256.Size {
		return nil, errors.New("the invitation file is cut short")
	}
	rest, end := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sum := sha256.Sum256(rest); !bytes.Equal(sum[:], end) {
		return nil, errors.New("the invitation file is cut short or damaged")
	}
	r := bytes.NewReader(rest[len(bundleHeader):])
	text, err := readFrame(r)
	if err != nil {
		return nil, err
	}
	out := &bundle{}
	if out.code, err = parseCode(string(text)); err != nil {
		return nil, err
	}
	if out.doc, err = readDocument(r); err != nil {
		return nil, err
	}
	if out.doc.Doc != out.code.team {
		return nil, fmt.Errorf("%w: code and document of two teams", crdt.ErrFormat)
	}
	keys, err := readAnswer(r)
	if err != nil {
		return nil, err
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("%w: more after the end", crdt.ErrFormat)
	}
	if _, err := parseTeamKeys(string(keys)); err != nil {
		return nil, err
	}
	out.keys = string(keys)
	return out, nil
}

// readBundle reads the file at path.
func readBundle(path string) (*bundle, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, api.Errorf(api.CodeNotFound, "", "there is no file %s", path)
	case err != nil:
		return nil, api.Errorf(api.CodeRefused, "", "%s cannot be read: %s", path, strings.TrimPrefix(err.Error(), "stat "))
	case !info.Mode().IsRegular() || info.Size() > bundleBytesMax:
		return nil, api.Errorf(api.CodeBadCode, "", "%s is not an invitation file", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, api.Errorf(api.CodeRefused, "", "%s", err)
	}
	out, err := parseBundle(b)
	if err != nil {
		return nil, api.Errorf(api.CodeBadCode, `copy it again, or make another: muster invite --bundle FILE`, "%s: %s", path, err)
	}
	return out, nil
}
