// Package crdt owns the replicated unit of muster: the signed operation, the documents and logs it lives in, the causal
// order between operations, and the two data types the board is made of.
//
// A board is a set of documents: one for the team, one for each incident. A document is a grow-only set of operations,
// closed under causality; merging is set union, and everything shown is a pure function of that set (state-based
// reading of Shapiro et al., "Conflict-free Replicated Data Types", 2011). The package promises:
//
//   - The same set of operations gives the same heights, times, order, heads, frontier and digest, whatever the order
//     they arrived in.
//   - "Concurrent" is decided by causality alone. Wall clocks are carried for display and break ties, nothing else.
//   - An operation's name is its hash. A [Dot] is short and dense, so it is used for counting and asking, but a cloned
//     or restored disk can produce two operations with one Dot, so wherever identity matters the hash is compared.
//   - A body can be erased without touching the signature: the signed header holds the hash of salt‖body only.
//   - Nothing here reads a clock, a disk, the network or a random source: times, salts and keys are arguments.
//
// Sequence numbers count within one document, not across a device: documents load and sync on their own, and only a
// count without gaps inside the document lets a frontier be one number per log and lets a run derive its dots.
package crdt
