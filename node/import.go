package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/identity/vault"
	"muster/node/replica"
	"muster/node/wire"
)

// Import takes in the operations of a file that [Node.Export] wrote. Batch by batch they are judged, folded and made durable
// as if a peer had sent them, at no charge to anybody: the person of this node has carried them here. What stood before a
// fault of the file is kept, since every batch is whole by itself.
func (n *Node) Import(ctx context.Context, in api.Import) (api.Imported, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Imported{}, err
	}
	if !filepath.IsAbs(in.File) {
		return api.Imported{}, api.Errorf(api.CodeUsage, "give a whole path", "%q does not say where", in.File)
	}
	f, err := os.Open(in.File)
	if err != nil {
		return api.Imported{}, carryProblem(in.File, err)
	}
	out, err := s.importFile(ctx, f, in)
	if err = errors.Join(err, f.Close()); err != nil {
		return api.Imported{}, importProblem(in.File, err, out.New)
	}
	return out, nil
}

// importProblem says what is wrong with a file, and what of it was taken in.
func importProblem(file string, err error, taken int) error {
	kept := ""
	if taken > 0 {
		kept = fmt.Sprintf("; %d new operations that stood before that were taken in", taken)
	}
	again := "have it written and carried again: muster export FILE"
	var e *api.Error
	switch {
	case errors.As(err, &e):
		return &api.Error{Code: e.Code, Message: e.Message + kept, Hint: e.Hint}
	case errors.Is(err, errNotCarried):
		return api.Errorf(api.CodeDamaged, "muster export FILE writes one", "%s: %s", file, errNotCarried)
	case errors.Is(err, errCarryNewer):
		return api.Errorf(api.CodeDamaged, "install the newer muster", "%s: %s", file, errCarryNewer)
	case errors.Is(err, vault.ErrDamaged), errors.Is(err, crdt.ErrFormat):
		return api.Errorf(api.CodeDamaged, again, "%s: %s%s", file, damageOf(err), kept)
	}
	return carryProblem(file, err)
}

// damageOf says in one line what is wrong, without the words of the libraries below where they say no more.
func damageOf(err error) string {
	if errors.Is(err, vault.ErrDamaged) {
		return "it is damaged: it ends too early or was changed"
	}
	return "it holds what no muster writes: " + err.Error()
}

// importFile reads an open file to its end.
func (s *session) importFile(ctx context.Context, f *os.File, in api.Import) (out api.Imported, err error) {
	if info, err := f.Stat(); err != nil {
		return out, err
	} else if !info.Mode().IsRegular() {
		return out, api.Errorf(api.CodeUsage, "name a file", "%s is not a file", in.File)
	}
	r, err := newCarryReader(f)
	if err != nil {
		return out, err
	}
	secret, err := s.secretFor(ctx, r.seal, in.Passphrase)
	if err != nil {
		return out, err
	}
	head, err := r.open(secret)
	if errors.Is(err, vault.ErrSecret) {
		if r.seal.byKey() {
			return out, fmt.Errorf("%w: not sealed with the key it names", vault.ErrDamaged)
		}
		return out, api.Errorf(api.CodeRefused, "ask whoever wrote it", "the passphrase does not open it")
	}
	if err != nil {
		return out, err
	}
	if head.team != s.team {
		return out, api.Errorf(api.CodeRefused, "muster team lists the teams of this laptop, and muster team NAME switches", "the file is of another team")
	}
	out = api.Imported{Schema: "muster.import/1", File: in.File, MadeMS: head.madeMS}
	var changed []crdt.DocID
	waitingBefore := 0
	if err := s.do(ctx, func(time.Time) error { waitingBefore, _ = s.r.Waiting(); return nil }); err != nil {
		return out, err
	}
	for {
		m, err := r.batch()
		if err != nil {
			return out, err
		}
		if m == nil {
			break
		}
		got, err := s.unpack(ctx, m)
		out.Operations += len(m.Records)
		out.New += got.New
		out.Known += got.Known
		if got.New > 0 && m.Doc != s.team && !slices.Contains(changed, m.Doc) {
			changed = append(changed, m.Doc)
		}
		if err != nil {
			return out, err
		}
	}
	err = s.do(ctx, func(time.Time) error {
		waiting, _ := s.r.Waiting()
		out.Waiting = max(waiting-waitingBefore, 0)
		if m, ok := s.r.Team().Member(head.maker); ok {
			out.By = m.Handle
		}
		for _, d := range changed {
			if slices.Contains(s.r.Documents(), d) {
				out.Incidents = append(out.Incidents, board.Name(d))
			}
		}
		return nil
	})
	return out, err
}

// unpack takes one batch in, and returns when it is durable.
func (s *session) unpack(ctx context.Context, m *wire.Batch) (got replica.Unpacked, err error) {
	err = s.do(ctx, func(now time.Time) (err error) {
		if err := s.canWrite(); err != nil {
			return err
		}
		got, err = s.r.Unpack(now, m)
		return err
	})
	return got, err
}

// secretFor returns what a file was sealed with.
func (s *session) secretFor(ctx context.Context, seal carrySeal, passphrase string) (secret string, err error) {
	if !seal.byKey() {
		if passphrase == "" {
			return "", api.Errorf(api.CodeRefused, "muster import FILE --passphrase", "the file is sealed with a passphrase")
		}
		return passphrase, nil
	}
	err = s.do(ctx, func(time.Time) error {
		for _, k := range append(s.teamKeys(), foundingKey(s.team)) {
			if k.id() == seal.id {
				var err error
				secret, err = carrySecret(k)
				return err
			}
		}
		newest := uint64(0)
		if keys := s.teamKeys(); len(keys) > 0 {
			newest = keys[0].gen
		}
		return api.Errorf(api.CodeRefused,
			`come in reach of any member for a moment, which brings the key, or have it written with: muster export FILE --passphrase`,
			"the file is sealed with team key %d (%s), and the newest here is %d; or it is of another team", seal.gen, seal.id.String()[:8], newest)
	})
	return secret, err
}
