// Package board owns the incident: what operations mean, what their set adds up to, what a person may write next, and
// what a merge must show. It is pure: the same operations give the same board, whatever order they arrived in, and time,
// presence and names are arguments.
//
// A [Board] is the fold of one incident document. It keeps, for every thing on the board, the operations about it, and
// computes what is shown from those operations and the causal order between them; the order of arrival is never looked
// at. That a board built up piece by piece equals one built at once is therefore a property of the shape, not of care.
//
// The package promises:
//
//   - Nothing is decided by comparing wall clocks. "Concurrent" is causality; derived time, height and hash break ties.
//   - No operation is voided silently. What loses to a safer value is listed: as a [Notice] when the merge is plain, as a
//     [Conflict] when a human must settle it. Operations that cannot be read are counted and stay in the timeline.
//   - An operation may only refer to what is in its own past; a reference to anything else is inert, or arrival would matter.
//   - Rules about who may write what are enforced where the author is ([Check]). Two exceptions hold at the fold, because
//     they say whose word counts: only the holder ends a term, and only the one asked answers an offer.
//   - Bodies are final formats: integer keys are never reused, enumerations may grow, and an operation with a value this
//     version does not know is kept, listed and otherwise ignored.
//
// Three readings of the design, where it leaves room:
//
//   - A reopening concurrent with a resolve is contested (class C), by the frontier rule, rather than merged silently.
//   - Any member's redaction takes effect at the fold. Authority is checked when it is written: a dispute about authority
//     must not keep a secret readable.
//   - Merge notices are facts about history and stay listed after the value has been written again; [Notice.Open] says
//     whether there is still something to see.
package board
