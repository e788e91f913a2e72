package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"muster/crdt"
)

const (
	journalName = "journal"

	// journalStep is how much is preallocated at a time. Zeros are written, not only reserved: overwriting written
	// blocks needs no change of the file's extents, so that a sync is one write to the disk.
	journalStep = 256 << 10
)

// A journalFile is what a journal needs of its file; tests put a failing one in between.
type journalFile interface {
	io.ReaderAt
	io.WriterAt
	Datasync() error
	io.Closer
}

type osJournalFile struct{ *os.File }

// Datasync makes everything written durable.
func (f osJournalFile) Datasync() error { return datasync(f.File) }

// A journal is the open file of own operations. It is not safe for concurrent use, except that erased and frame places
// are only changed by a writer that excludes readers.
type journal struct {
	framing
	file journalFile
	end  int64 // where the next frame goes
	size int64 // end of the preallocated zeros
	ops  []opPlace
}

// An opPlace says where the frame of an own operation is.
type opPlace struct {
	at          int64
	keep, erase uint32
	erased      bool
}

// journalContent is what was found in a journal file.
type journalContent struct {
	missing bool   // there is no file
	damage  string // what is wrong with it; empty: nothing
	framing framing
	key     []byte         // what it is sealed with; nil: it is plain
	ops     []*crdt.Record // in the order written, each once
	places  []opPlace      // of ops
	marks   []int          // for each epoch mark, how many ops come before it
	epochs  []epochMark
	end     int64 // behind the last intact frame
	size    int64
	torn    int64 // bytes behind end that are not zero: a write that a crash cut off
}

// readJournal reads the journal of device in dir. Damage is no error: it is described, and what can be read is returned.
// The whole file is held in memory for a moment; it holds what one device wrote.
// The error wraps ErrSealed or ErrWrongKey if none of keys opens it.
func readJournal(dir string, device crdt.DeviceID, keys ...[]byte) (journalContent, error) {
	b, err := os.ReadFile(filepath.Join(dir, journalName))
	if errors.Is(err, fs.ErrNotExist) {
		return journalContent{missing: true}, nil
	}
	if err != nil {
		return journalContent{}, fmt.Errorf("read the journal: %w", err)
	}
	owner, framing, key, err := parseHeader(b, keys)
	if errors.Is(err, ErrNewer) || isNoKey(err) {
		return journalContent{}, err
	}
	if err != nil {
		return journalContent{damage: err.Error()}, nil
	}
	if owner != device {
		return journalContent{}, fmt.Errorf("%w: %s", ErrOtherDevice, owner)
	}
	c := journalContent{framing: framing, key: key, size: int64(len(b))}
	c.readFrames(b, device)
	if len(c.epochs) == 0 && c.damage == "" {
		c.damage = "it names no epoch"
	}
	return c, nil
}

func (c *journalContent) readFrames(b []byte, device crdt.DeviceID) {
	seen := make(map[crdt.Hash]bool)
	at := headerBytes
	for {
		fr, n, ok := c.framing.parseFrame(b[at:])
		if !ok {
			c.end = int64(at)
			if c.torn = nonZero(b[at:]); c.torn == 0 {
				return
			}
			skip := c.framing.findFrame(b[at+1:])
			if skip < 0 {
				return
			}
			c.damaged("bytes %d to %d are not what was written", at, at+1+skip)
			at += 1 + skip
			continue
		}
		place := opPlace{int64(at), uint32(len(fr.keep)), uint32(len(fr.erase)), fr.erased}
		fr, err := c.framing.open(fr, int64(at))
		if err != nil {
			c.damaged("at byte %d: %v", at, err)
			at += n
			continue
		}
		switch fr.kind {
		case frameOp:
			r, err := fr.record()
			switch {
			case err != nil:
				c.damaged("at byte %d: %v", at, err)
			case r.Op.Dot.Device != device:
				c.damaged("at byte %d: an operation of %s", at, r.Op.Dot.Device.Short())
			case !seen[r.Hash]:
				seen[r.Hash] = true
				c.ops = append(c.ops, r)
				c.places = append(c.places, place)
			}
		case frameEpoch:
			m, err := fr.epochMark()
			if err != nil {
				c.damaged("at byte %d: %v", at, err)
				break
			}
			c.epochs, c.marks = append(c.epochs, m), append(c.marks, len(c.ops))
		default: // of a later version that kept the format number: nothing this one needs
		}
		at += n
	}
}

// damaged notes the first damage; what follows it is usually a consequence.
func (c *journalContent) damaged(format string, args ...any) {
	if c.damage == "" {
		c.damage = fmt.Sprintf(format, args...)
	}
}

// nonZero returns the length of b without the zeros at its end.
func nonZero(b []byte) int64 {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			return int64(i + 1)
		}
	}
	return 0
}

// last returns the newest epoch mark; the zero mark if there is none.
func (c *journalContent) last() epochMark {
	if len(c.epochs) == 0 {
		return epochMark{}
	}
	return c.epochs[len(c.epochs)-1]
}

// logs returns what the journal knows of the ends of own logs.
func (c *journalContent) logs(device crdt.DeviceID) *ownLogs {
	logs := newOwnLogs(device)
	mark := 0
	for i := range len(c.ops) + 1 {
		for ; mark < len(c.marks) && c.marks[mark] == i; mark++ {
			logs.begin(c.epochs[mark].epoch)
		}
		if i < len(c.ops) {
			logs.add(c.ops[i])
		}
	}
	return logs
}

// createJournal writes a journal that holds ops and a mark for epoch, in place of the one in dir, which is kept beside
// it as damaged. The new one is complete on disk before it gets the name.
func createJournal(dir string, cfg Config, ops []*crdt.Record, epoch uint64, reason string) (err error) {
	path := filepath.Join(dir, journalName)
	if cfg.Key != nil {
		if err := wipeLeftover(path + ".new"); err != nil {
			return fmt.Errorf("overwrite what is left of a journal: %w", err)
		}
	}
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create the journal: %w", err)
	}
	file := cfg.journalFile(f)
	defer func() { err = errors.Join(err, file.Close()) }()
	var fr framing
	rand.Read(fr.nonce[:]) // not from cfg.Rand, whose draws are epochs; crypto/rand cannot fail
	fr = fr.sealing(cfg.Key)
	at, err := placeOf(dir, f)
	if err != nil {
		return err
	}
	j := journal{framing: fr, file: file}
	if err := j.append(fr.header(cfg.Device)); err != nil {
		return err
	}
	if _, err := j.appendOps(ops); err != nil {
		return err
	}
	if err := j.mark(epochMark{epoch, at, reason}); err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		if err := keepDamaged(dir, journalName); err != nil {
			return err
		}
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("create the journal: %w", err)
	}
	return syncDir(dir)
}

// wipeLeftover overwrites and removes a file that may not be there.
func wipeLeftover(path string) error {
	err := wipeFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(path)
}

func (c Config) journalFile(f *os.File) journalFile {
	if c.wrapJournal != nil {
		return c.wrapJournal(osJournalFile{f})
	}
	return osJournalFile{f}
}

// openJournal opens the undamaged journal in dir, whose content is c, and cuts off what a crash left behind its end. It
// returns where the store is now, to be compared with the last mark.
func openJournal(dir string, cfg Config, c *journalContent) (*journal, place, error) {
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_RDWR, 0)
	if err != nil {
		return nil, place{}, fmt.Errorf("open the journal: %w", err)
	}
	j := &journal{framing: c.framing, file: cfg.journalFile(f), end: c.end, size: c.size, ops: c.places}
	at, err := placeOf(dir, f)
	if err == nil && c.torn > 0 {
		err = j.zero(c.end, c.torn)
	}
	for i := 0; err == nil && i < len(j.ops); i++ {
		if p := j.ops[i]; p.erased { // a crash may have come between the mark and the zeros
			err = j.zero(p.at+frameHead+int64(p.keep), int64(p.erase))
		}
	}
	if err == nil {
		err = j.file.Datasync()
	}
	if err != nil {
		return nil, place{}, errors.Join(fmt.Errorf("open the journal: %w", err), j.file.Close())
	}
	return j, at, nil
}

// append writes b at the end and makes it durable. ErrDiskFull means that nothing has changed; after any other error the
// end of the file is unknown.
func (j *journal) append(b []byte) error {
	if err := j.extend(int64(len(b))); err != nil {
		return err
	}
	if _, err := j.file.WriteAt(b, j.end); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if err := j.file.Datasync(); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.end += int64(len(b))
	return nil
}

// extend makes the file long enough for n more bytes. ErrDiskFull means that nothing has changed.
func (j *journal) extend(n int64) error {
	grown := j.end + n
	if grown <= j.size {
		return nil
	}
	grown += journalStep - grown%journalStep
	if err := j.zero(j.size, grown-j.size); noSpace(err) {
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	} else if err != nil {
		return fmt.Errorf("extend the journal: %w", err)
	}
	j.size = grown
	return nil
}

// reserve makes the file long enough for ops, so that appending them does not fail for want of space.
func (j *journal) reserve(ops []*crdt.Record) error {
	var n int64
	for _, r := range ops {
		n += j.frameBytes(opFrame(r))
	}
	return j.extend(n)
}

// appendOps writes operations with one sync and returns how many bytes that took.
func (j *journal) appendOps(ops []*crdt.Record) (int, error) {
	if len(ops) == 0 {
		return 0, nil
	}
	var b []byte
	places := make([]opPlace, 0, len(ops))
	for _, r := range ops {
		at := j.end + int64(len(b))
		fr := j.seal(opFrame(r), at)
		places = append(places, opPlace{at, uint32(len(fr.keep)), uint32(len(fr.erase)), fr.erased})
		b = j.appendFrame(b, fr)
	}
	if err := j.append(b); err != nil {
		return 0, err
	}
	j.ops = append(j.ops, places...)
	return len(b), nil
}

// mark begins an epoch.
func (j *journal) mark(m epochMark) error {
	return j.append(j.appendFrame(nil, j.seal(m.frame(), j.end)))
}

// erase drops salt and body of the operations at these positions and makes that durable. Everything is marked before
// anything is overwritten: an unmarked frame whose bytes are gone would look damaged after a crash.
func (j *journal) erase(positions []int) error {
	var todo []int
	for _, i := range positions {
		if !j.ops[i].erased {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	for _, i := range todo {
		if _, err := j.file.WriteAt([]byte{frameErased}, j.ops[i].at+frameStateAt); err != nil {
			return fmt.Errorf("erase in the journal: %w", err)
		}
	}
	if err := j.file.Datasync(); err != nil {
		return fmt.Errorf("erase in the journal: %w", err)
	}
	for _, i := range todo {
		p := &j.ops[i]
		if err := j.zero(p.at+frameHead+int64(p.keep), int64(p.erase)); err != nil {
			return fmt.Errorf("erase in the journal: %w", err)
		}
		p.erased = true
	}
	if err := j.file.Datasync(); err != nil {
		return fmt.Errorf("erase in the journal: %w", err)
	}
	return nil
}

// zero overwrites n bytes from at on with zeros, a bounded piece at a time.
func (j *journal) zero(at, n int64) error {
	zeros := make([]byte, min(n, journalStep))
	for n > 0 {
		w, err := j.file.WriteAt(zeros[:min(n, int64(len(zeros)))], at)
		if err != nil {
			return err
		}
		at, n = at+int64(w), n-int64(w)
	}
	return nil
}

// read returns the operation at a position.
func (j *journal) read(i int) (*crdt.Record, error) {
	p := j.ops[i]
	b := make([]byte, frameHead+int(p.keep)+int(p.erase))
	if _, err := j.file.ReadAt(b, p.at); err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	fr, _, ok := j.parseFrame(b)
	if !ok || fr.kind != frameOp {
		return nil, &CorruptError{What: fmt.Sprintf("the journal changed at byte %d", p.at)}
	}
	fr, err := j.open(fr, p.at)
	var r *crdt.Record
	if err == nil {
		r, err = fr.record()
	}
	if err != nil {
		return nil, &CorruptError{What: fmt.Sprintf("the journal at byte %d: %v", p.at, err)}
	}
	return r, nil
}
