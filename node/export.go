package node

import (
	"bufio"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/identity/vault"
	"muster/node/replica"
)

// carryUse keeps the secret that files are sealed with apart from the team key it comes from.
const carryUse = "muster/operations-file/v1"

// carrySecret is what files are sealed with under a team key.
func carrySecret(k teamKey) (string, error) {
	b, err := hkdf.Key(sha256.New, k.key[:], nil, carryUse, 32)
	return hex.EncodeToString(b), err
}

// foundingKey is what files are sealed with until the team has a key: generation 0, which only members and those who hold an
// invitation know, as they know by what the team announces itself. A file is first written when the network is gone, and a
// key that was made then would be one that nobody else has. The first removal makes generation 1.
func foundingKey(team crdt.DocID) teamKey {
	return teamKey{key: sha256.Sum256(append([]byte(carryUse+"/founding"), team[:]...))}
}

// Export writes all operations of the team, or of one incident, into a sealed file. The file appears under its name when it
// is whole and on the disk. It takes one batch into memory at a time; operations written meanwhile are not in it.
func (n *Node) Export(ctx context.Context, in api.Export) (api.Exported, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Exported{}, err
	}
	if err := checkTarget(in); err != nil {
		return api.Exported{}, err
	}
	out, err := s.export(ctx, in)
	if err != nil && ctx.Err() == nil {
		return api.Exported{}, carryProblem(in.File, err)
	}
	return out, problem(err)
}

// checkTarget reports what stands in the way of a file.
func checkTarget(in api.Export) error {
	if !filepath.IsAbs(in.File) {
		return api.Errorf(api.CodeUsage, "give a whole path", "%q does not say where", in.File)
	}
	info, err := os.Stat(in.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return carryProblem(in.File, err)
	case !info.Mode().IsRegular():
		return api.Errorf(api.CodeUsage, "name a file", "%s is not a file", in.File)
	case !in.Yes:
		e := api.Errorf(api.CodeConfirm, "use another name, or --yes", "there is a file %s", in.File)
		e.Question = fmt.Sprintf("%s is there already: replace it?", in.File)
		return e
	}
	return nil
}

// carryProblem says of errors of the file system which file they are about.
func carryProblem(file string, err error) error {
	var path *fs.PathError
	var link *os.LinkError
	if errors.As(err, &path) {
		err = path.Err
	} else if errors.As(err, &link) {
		err = link.Err
	} else {
		return problem(err)
	}
	hint := "is the directory there, is it writable, and is there room?"
	if errors.Is(err, fs.ErrNotExist) {
		hint = "look at the path: a node reads and writes files of its own laptop"
	}
	return api.Errorf(api.CodeRefused, hint, "%s: %s", file, err)
}

// An exportPlan is what goes into a file.
type exportPlan struct {
	head      carryHead
	seal      carrySeal
	secret    string
	work      int
	loads     []*replica.Load // the team first
	incidents []string
	notes     []string
}

// planExport runs on the loop. The names of all operations are taken at once, so that what cites an operation of the team
// never stands in a file without it.
func (s *session) planExport(now time.Time, in api.Export) (*exportPlan, error) {
	docs := s.canonicals(s.r.Documents())
	if in.Incident != "" {
		doc, err := s.find(in.Incident)
		if err != nil {
			return nil, err
		}
		docs = []crdt.DocID{doc}
	}
	p := &exportPlan{incidents: []string{}, secret: in.Passphrase, work: vault.WorkPhrase}
	if in.Passphrase == "" {
		if err := s.planKey(p); err != nil {
			return nil, err
		}
	}
	all := []crdt.DocID{s.team}
	for _, d := range docs {
		p.incidents = append(p.incidents, board.Name(d))
		all = append(all, s.group(d).Docs()...)
	}
	p.head = carryHead{team: s.team, maker: s.r.Device(), madeMS: now.UnixMilli(), documents: uint64(len(all))}
	for _, d := range all {
		l, err := s.r.Loads(d)
		if err != nil {
			return nil, err
		}
		p.head.operations += uint64(l.Left())
		p.loads = append(p.loads, l)
	}
	return p, nil
}

// planKey takes the newest team key that is here.
func (s *session) planKey(p *exportPlan) (err error) {
	k := foundingKey(s.team)
	if len(s.r.Team().KeyRing()) > 0 {
		held := s.teamKeys()
		if len(held) == 0 {
			return api.Errorf(api.CodeRefused, "come in reach of a member, or seal it with words of yours: muster export FILE --passphrase",
				"the team has a key that has not reached this laptop")
		}
		k = held[0]
		if newest, ok := s.newestKey(); !ok || newest != k {
			p.notes = append(p.notes, "a newer team key has not reached this laptop: whoever was removed with it can open the file too")
		}
	}
	p.seal, p.work = carrySeal{gen: k.gen, id: k.id()}, vault.WorkRandom
	p.secret, err = carrySecret(k)
	return err
}

// export writes the file beside its place and moves it there.
func (s *session) export(ctx context.Context, in api.Export) (out api.Exported, err error) {
	var p *exportPlan
	if err := s.do(ctx, func(now time.Time) (err error) {
		p, err = s.planExport(now, in)
		return err
	}); err != nil {
		return out, err
	}
	dir := filepath.Dir(in.File)
	f, err := os.CreateTemp(dir, ".muster-export-*")
	if err != nil {
		return out, err
	}
	moved := false
	defer func() {
		if !moved {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = s.writeLoads(ctx, f, p)
	size, serr := f.Seek(0, 1)
	if err = errors.Join(err, serr, f.Sync(), f.Close()); err != nil {
		return out, err
	}
	if err := os.Rename(f.Name(), in.File); err != nil {
		return out, err
	}
	moved = true
	if err := syncDir(dir); err != nil {
		return out, err
	}
	out = api.Exported{
		Schema: "muster.export/1", File: in.File, Bytes: size, Operations: int(p.head.operations), Incidents: p.incidents,
		Sealed: "passphrase", Notes: p.notes,
	}
	if p.seal.byKey() {
		out.Sealed, out.Key = "team key", p.seal.gen
	}
	return out, nil
}

func (s *session) writeLoads(ctx context.Context, f *os.File, p *exportPlan) error {
	buf := bufio.NewWriterSize(f, 256<<10)
	w, err := newCarryWriter(buf, p.seal, p.secret, p.work, &p.head)
	if err != nil {
		return err
	}
	for _, l := range p.loads {
		for l.Left() > 0 {
			if err := s.writeBatch(ctx, w, l); err != nil {
				return err
			}
		}
	}
	return errors.Join(w.close(), buf.Flush())
}

func (s *session) writeBatch(ctx context.Context, w *carryWriter, l *replica.Load) error {
	var frame []byte
	err := s.do(ctx, func(time.Time) error {
		m, err := s.r.Pack(l)
		if err == nil {
			frame = carryBatch(m)
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.frame(frame)
}
