// Package board owns the incident: what operations mean, what their set adds up to, what a person may write next, and
// what a merge must show. It is pure: the same operations give the same board, whatever order they arrived in, and time,
// presence and names are arguments.
//
// A [Board] is the fold of one incident document. It keeps, for every thing on the board, the operations about it, and
// computes what is shown from those operations and the causal order between them; the order of arrival is never looked
// at. That a board built up piece by piece equals one built at once is therefore a property of the shape, not of care.
//
// A [Group] is several incidents that people have said to be one outage. It is computed from their boards, shows them as
// one, and knows in which of them a verb must be written so that the whole shows what was meant. Documents have no causal
// order between them: what two of them say differently is a conflict until a settlement that names both is written in each.
//
// The package promises:
//
//   - Nothing is decided by comparing wall clocks. "Concurrent" is causality; derived time, height and hash break ties.
//   - No operation is voided silently. What loses to a safer value is listed: as a [Notice] when the merge is plain, as a
//     [Conflict] when a human must settle it. Operations that cannot be read are counted and stay in the timeline.
//   - An operation that does not count ([Event.Standing]) is in the timeline, marked, and in no fold, and what is about it
//     waits with it. Whether it counts is decided outside, from the team document, and may change: [Board.Judge].
//   - An operation may only refer to what is in its own past; a reference to anything else is inert, or arrival would matter.
//   - Rules about who may write what are enforced where the author is ([Check]). Two exceptions hold at the fold, because
//     they say whose word counts: only the holder ends a term, and only the one asked answers an offer.
//   - Bodies are final formats: integer keys are never reused, enumerations may grow, and an operation with a value this
//     version does not know is kept, listed and otherwise ignored.
//
// Readings of the design, where it leaves room:
//
//   - A reopening concurrent with a resolve is contested (class C), by the frontier rule, rather than merged silently.
//   - Any member's redaction takes effect at the fold. Authority is checked when it is written: a dispute about authority
//     must not keep a secret readable. A revision that crossed a redaction is erased too, on its author's disk as on all
//     others: its author is told to say it again, which nobody else needs to see ([Notice.For]).
//   - A redaction that does not count erases nothing, and what it erased before that was known is asked for again. What does
//     not count can be redacted all the same, with all that revised it: it can be read in the timeline.
//   - The past ([Board.At]) and merge reports see what counts by what is known now, as everything else does.
//   - A decision made by somebody else is unread until the commander says otherwise, objects to it or decides anew, when they
//     were writing elsewhere while it was made; otherwise until they next write anything.
//   - An offer lapses, a break is over and somebody has commanded for too long only when the board is looked at. Nobody may
//     write an acceptance that comes too late; one that was written counts, whenever it arrives.
//   - Whoever acts is in conflict with those they act for from that moment on: who can be reached is not in the fold. The
//     commander whose words only arrive by way of others changes nothing; a [MergeReport] asks when they are back.
//   - The acceptance of a break is itself the offer back, so that both sides of a split hold the same one.
//   - Merge notices are facts about history and stay listed after the value has been written again; [Notice.Open] says
//     whether there is still something to see.
//   - Public posts contradict each other by audience, not only within one update: a split makes each side draft its own.
//     Under two names of one outage they are a mention (class B): a text cannot be settled on in an incident that does not
//     have it.
//   - Two hands on one resource count across tasks. Two on one task are the conflict of that task, and not told twice; work
//     of which neither knew and that is over on one side is a mention.
//   - Of two who have one task, who was asked and has answered comes before who claimed it, whoever was first.
package board
