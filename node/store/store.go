package store

import (
	"crypto/rand"
	"io"
	"log/slog"

	"muster/crdt"
)

// A Store keeps the operations of one team durably. [Disk] is the real one, [Memory] its twin; both pass the same suite.
//
// Methods may be called from any goroutine. Records returned are shared and must not be changed; records handed in must
// not be changed afterwards. A method that reads sees one moment: what a [Store.Put] in progress adds is seen whole or
// not at all, unless the batch had to be split (see Put).
//
// A record without a signature is held but not shown until a signed successor in its log is stored too: what Frontier,
// Scan and Run return always ends every branch of every log in a signed operation, whatever a crash cut off.
type Store interface {
	// Put stores records and returns when they would survive a power cut. own are operations made by this device now:
	// in epoch [Store.Epoch], each the next of its log. peers are all others, this device's earlier ones included.
	// What own operations may refer to comes first: peers, then own, each visible in one transaction, or in several, in the
	// order given, when there is more than a transaction takes (about a megabyte). Both slices may be empty.
	//
	// A record that is held already stays as it is, except that a signature is added where there was none: a body that
	// was erased does not come back.
	//
	// Errors: [ErrDiskFull] and [ErrNotNext] change nothing and Put may be called again. After any other error the store
	// refuses every write with [ErrStopped], because it no longer knows what the disk holds: nothing may be acknowledged
	// to anyone until it has been opened anew.
	Put(own, peers []*crdt.Record) error

	// Erase drops salt and body of records for good; header and signature stay. It is durable on return. Records not
	// held, or erased before, are passed over. The old bytes leave the files only with [Store.Compact]. If a crash or an
	// error cuts Erase short, Scan still shows the bodies not erased everywhere, and Erase may be called again.
	Erase(doc crdt.DocID, refs []Ref) error

	// Fill adds salt and body to records held without them because they never came, and returns when that would survive a
	// power cut. Records that are not held, or have a body, are passed over. The store cannot tell a body that never came
	// from one that was erased: the caller gives none that a redaction names. Errors are as those of Put.
	Fill(records []*crdt.Record) error

	// Documents returns the documents of which anything is held, ascending.
	Documents() ([]crdt.DocID, error)

	// Frontier returns the ends of a document's logs, as found in the records themselves; nil for an unknown document.
	Frontier(doc crdt.DocID) (crdt.Frontier, error)

	// Scan calls visit with every record of a document: logs ascending, within a log seq ascending, records with one dot
	// (a fork) by hash. It checks each log as it goes and returns a [*CorruptError] at the first thing that is wrong;
	// what was visited before was right. An error of visit ends the scan and is returned as it is.
	Scan(doc crdt.DocID, visit func(*crdt.Record) error) error

	// Run returns consecutive records of one log from seq from on, in the order of Scan: at least one if there is one,
	// and no more than fit in maxBytes as encoded by [crdt.AppendRecord].
	Run(doc crdt.DocID, log crdt.LogID, from uint64, maxBytes int) ([]*crdt.Record, error)

	// Own calls visit with every operation that this device wrote, in the order written.
	Own(visit func(*crdt.Record) error) error

	// OwnHeads returns, by document, the last operation of this device in the current epoch; documents ascending.
	OwnHeads() []Head

	// Room returns [ErrDiskFull] while Put would, and nil otherwise. It costs about a microsecond.
	Room() error

	// Epoch returns the epoch in which this device must write.
	Epoch() uint64

	// NewEpoch starts a new random epoch, because of what reason says, and returns it once it is durable. It is called
	// when a peer knows more of this device's log than the store does.
	NewEpoch(reason string) (uint64, error)

	// Audit reads everything and returns what is wrong, joined, at most one error for each document: every log as Scan
	// checks it, every signature if verify is not nil, and every operation of the journal. progress, if not nil, is called
	// after each document. Writing and reading go on meanwhile.
	Audit(verify crdt.Verifier, progress func(Progress)) error

	// Compact makes erased bytes leave the files. Writers wait for it, readers only for its last step. It costs nothing
	// when nothing was erased since the last time, otherwise time and free space in proportion to the whole store.
	Compact() error

	// Close makes everything durable and releases the store; every later call returns [ErrClosed]. It waits for readers. On
	// a full disk Badger is left as a crash would leave it, since closing it needs space; that is no error.
	Close() error
}

// A Ref names one record where a dot is not enough: a cloned disk can write two operations with one dot.
type Ref struct {
	Dot  crdt.Dot
	Hash crdt.Hash
}

// RefTo returns the name of r.
func RefTo(r *crdt.Record) Ref { return Ref{r.Op.Dot, r.Hash} }

// A Head is the end of this device's own log in a document.
type Head struct {
	Doc crdt.DocID
	Tip crdt.Tip
}

// Config says whose store it is. Device is required; the zero value of everything else is the default.
type Config struct {
	Device        crdt.DeviceID // author of own operations; a store belongs to one device for ever
	Key           []byte        // KeyBytes long: everything is written sealed with it; nil: in the clear
	OldKey        []byte        // what parts may still be sealed with until a Rekey is through; plain ones can be read always
	HeadroomBytes int64         // free space below which writes are refused; 0: as much as Badger may come to need
	Rand          io.Reader     // source of epochs; nil: crypto/rand
	Logger        *slog.Logger  // nil: silent. Badger's warnings and errors go here too

	// wrapJournal, set by tests only, stands between the journal and its file.
	wrapJournal func(journalFile) journalFile

	// cut, set by tests only, ends a Rekey at a step as a crash would.
	cut func(step string) error
}

func (c Config) withDefaults() Config {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
