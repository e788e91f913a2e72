package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
)

// verifyBytes is how much of a store that was closed in order is verified block by block at every opening. A larger one
// is verified in full only after an unclean end.
const verifyBytes = 64 << 20

// preflight looks at a Badger directory before Badger does, on this goroutine, because Badger's own answers to damage
// are worse than the damage: without a MANIFEST it deletes every table, a table with a bad checksum it leaves out in
// silence, and a truncated one panics in a goroutine of Badger, where nothing can catch it. A directory that is missing
// or has never been used is fine. Damage is a *CorruptError.
func preflight(dir string, key []byte, full bool, log *slog.Logger) (err error) {
	defer asDamage(&err)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the store: %w", err)
	}
	var data []string
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".sst", ".mem", ".vlog":
			data = append(data, e.Name())
		}
	}
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		if len(data) > 0 {
			return &CorruptError{What: "badger's MANIFEST is missing"}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("look into the store: %w", err)
	}
	manifest, read, err := badger.ReplayManifestFile(f, 0, badgerOptions(dir, key, log))
	if err == nil {
		err = checkTail(f, read, full)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return &CorruptError{What: "badger's MANIFEST: " + err.Error()}
	}
	tableKey, err := tableKeys(dir, key)
	if err != nil {
		return err
	}
	budget := int64(verifyBytes)
	for id, t := range manifest.Tables {
		size, err := tableSize(dir, id)
		if err != nil {
			return err
		}
		if budget -= size; full || budget >= 0 {
			k, err := tableKey(t.KeyID)
			if err != nil {
				return &CorruptError{What: fmt.Sprintf("the key of table %d is missing", id)}
			}
			if err := verifyTable(dir, id, t.Compression, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTail looks at what Badger did not read of a MANIFEST and would cut off, with the tables named in it: an entry that
// is longer than what is left of the file. After an unclean end it may be half written. In order, no entry is; and an entry
// of which a part has the checksum of the whole was complete, with another length.
func checkTail(f io.ReaderAt, read int64, unclean bool) error {
	tail, err := io.ReadAll(io.NewSectionReader(f, read, math.MaxInt64-read))
	if err != nil || len(tail) == 0 {
		return err
	}
	if !unclean {
		return errors.New("it ends within an entry")
	}
	const head = 8 // the length of the entry and its CRC-32C
	if len(tail) <= head {
		return nil
	}
	want, sum := binary.BigEndian.Uint32(tail[4:head]), uint32(0)
	for at := head; sum != want; at++ {
		if at == len(tail) {
			return nil
		}
		sum = crc32.Update(sum, castagnoli, tail[at:at+1])
	}
	return errors.New("the length of an entry is wrong")
}

// dropUnborn removes the newest log of each kind in dir if it is empty, after an unclean end: the process was killed
// between creating it and giving it its size, so nothing was ever in it, and Badger opens no directory with one. Any other
// empty log has lost what it held.
func dropUnborn(dir string) error {
	for _, ext := range []string{".mem", ".vlog"} {
		logs, err := filesOf(dir, ext)
		if err != nil {
			return err
		}
		if len(logs) == 0 {
			continue
		}
		newest := slices.MaxFunc(logs, func(a, b fs.FileInfo) int { // numbers with zeros before them
			return cmp.Or(cmp.Compare(len(a.Name()), len(b.Name())), cmp.Compare(a.Name(), b.Name()))
		})
		if newest.Size() > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, newest.Name())); err != nil {
			return fmt.Errorf("remove an empty log: %w", err)
		}
	}
	return nil
}

// tableKeys returns how to look up the key of a table by its number; number 0 is none, of a plain table.
func tableKeys(dir string, key []byte) (func(id uint64) (*pb.DataKey, error), error) {
	if key == nil {
		return func(uint64) (*pb.DataKey, error) { return nil, nil }, nil
	}
	o := registryOptions(dir, key)
	o.ReadOnly = true
	reg, err := badger.OpenKeyRegistry(o)
	if err != nil {
		return nil, &CorruptError{What: "badger's key registry: " + err.Error()}
	}
	return reg.DataKey, nil
}

func tableSize(dir string, id uint64) (int64, error) {
	info, err := os.Stat(table.NewFilename(id, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, &CorruptError{What: fmt.Sprintf("table %d is missing", id)}
	}
	if err != nil {
		return 0, fmt.Errorf("look into the store: %w", err)
	}
	return info.Size(), nil
}

// verifyTable checks the form of a table and the checksum of every block. The file is read, not mapped, so that a sector
// that cannot be read is an error and not a fault.
func verifyTable(dir string, id uint64, compression options.CompressionType, key *pb.DataKey) (err error) {
	defer func() {
		if recover() != nil { // what Badger stumbles over says nothing to anybody
			err = &CorruptError{What: fmt.Sprintf("table %d cannot be read", id)}
		}
	}()
	b, err := os.ReadFile(table.NewFilename(id, dir))
	if err != nil {
		return &CorruptError{What: fmt.Sprintf("table %d: %v", id, err)}
	}
	if key != nil {
		if err := verifySealedTable(b, key.Data); err != nil {
			return &CorruptError{What: fmt.Sprintf("table %d: %v", id, err)}
		}
		return nil
	}
	o := table.Options{BlockSize: 4 << 10, Compression: compression, ChkMode: options.OnBlockRead}
	t, err := table.OpenInMemoryTable(b, id, &o)
	if err == nil {
		err = t.VerifyChecksum()
	}
	if err != nil {
		what, _, _ := strings.Cut(err.Error(), "\n")
		return &CorruptError{What: fmt.Sprintf("table %d: %.200s", id, what)}
	}
	return nil
}
