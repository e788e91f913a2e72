// Package store keeps the operations of one team on disk: it owns the directory, the journal of this device's own
// operations, the Badger database of all operations, their repair, and an in-memory twin for tests.
//
//	lock                 held by the process that uses the store; its id while it does, empty after an orderly end
//	journal              own operations in the order written, and the epochs: see frame.go
//	badger/              all operations: see keys.go
//	journal.damaged-1 …  what was set aside, at most three of each, until the next compaction
//	badger.damaged-1 …
//
// The package promises:
//
//   - What Put has acknowledged survives a power cut. An own operation is in the journal, synced, before anything else
//     happens to it, and after what it stands on is on disk; the journal is the authority for own operations and Badger
//     for those of peers.
//   - A device never signs two operations with one dot as long as the disk tells the truth about either of journal and
//     Badger. Where the journal is missing, damaged, behind Badger, or in another place than it was written in (a copy,
//     a restored backup), Open begins a fresh epoch, which is on disk before Open returns.
//   - Damage is reported, not passed on. Every Scan checks seq, hash chain, body hashes, and the count and sum of what
//     was written; the rest of the program only ever sees a [*CorruptError].
//   - After a failed write nothing more is written, and nothing more acknowledged, until the store is opened anew.
//   - An erased body is gone from the directory after Compact.
//   - A full disk is an error of Put and of Open, not the end of the process: Put refuses while less is free than Badger
//     may come to need at once (room.go), and on a volume of less than 256 MiB Badger is made to need little.
//
// What it does not promise: something that fills a nearly empty disk within the milliseconds of a write or a compaction
// may still kill the process, through Badger's memory maps (nothing acknowledged is lost); a store cannot be opened on a
// full disk, not even for reading; a damage to the very last entry of Badger's write-ahead log passes for the torn end of
// a crash, and what peers wrote in it is fetched again without a word; and a disk image restored as a whole cannot be told
// from the original.
//
// It deviates from its design in three places. The identity of the place is the file system's id and the inodes of the
// directory and of the journal, not a device number, which changes between starts on some systems and would cost an
// epoch each time. Each log has a head (count and sum of what was written), because Badger's iterator ends without an
// error where it cannot read; the head is only compared, never believed. And redaction compacts by copying, because no
// call of Badger promises that an old value is gone.
//
// An empty store takes 0.3 MB of disk and 3 MB of memory. Memory grows to some 70 MB while a long history comes in, for
// the tables Badger builds, and tables are read through memory maps. The journal is read whole at Open.
//
// With a key in Config everything a person wrote is encrypted in all files (seal.go), and Rekey takes a store from one
// key, or none, to another. The journal is authenticated frame by frame; Badger's encryption hides and does not
// authenticate, which signatures and hash chains make up for. In the clear stay the device, the numbers, sizes and kinds
// of frames, and how many entries of which length Badger's log has. Tables of a sealed store are taken apart by this
// package when they are verified (sealed_table.go), and its one key for tables is made here and not by Badger
// (ensureArchiveKey says why).
package store
