package board

import (
	"time"

	"muster/crdt"
)

// A Merge names what came by a merge, and what a report on it needs besides the board.
type Merge struct {
	Before func(h crdt.Hash) bool // what was held before it; closed under causality
	After  func(h crdt.Hash) bool // and after it; closed too, nil: everything

	Viewer PersonID
	Device crdt.DeviceID // the viewer's: what it wrote did not come by a merge
	Beside []PersonID    // who could be reached all along, and so was on the viewer's side
	People People

	AtMS    int64 // when the merge began
	SinceMS int64 // when the other side was last heard; 0: since the last thing that both sides had

	// Presence is that of [CheckContext], at Now. Nil: everyone can be reached.
	Presence func(p PersonID) (reachable bool, heardMS int64, ever bool)
	Now      time.Time
}

// A MergeReport says what a merge did to an incident, for one person: what waits for a human, then what was merged
// without one, then what is new. It shares nothing with the Board. Short ids are those of today's board.
type MergeReport struct {
	Doc   crdt.DocID
	Name  string
	Title string

	AtMS       int64 // together again
	SinceMS    int64 // apart
	Operations int   // that came from the other side
	You        []string
	Them       []string // the other side: who commands there first, then who wrote most

	Severity, SeverityWas   int
	Status, StatusWas       string
	Commander, CommanderWas string

	Settle  []Conflict // arose by the merge and open now, with the viewer's keys
	Settled []Outcome  // arose by the merge and are settled since
	Older   int        // conflicts open now that were open before

	Merged    []Notice // class B, new by the merge, the most important first
	Decisions []Decision
	Orders    []Orders

	New     []string // people who had not written here before
	Missing []Absent // people of this incident who cannot be reached now, the longest unheard last

	TasksNew  int
	TasksDone int
	Blocked   []Blocked
	Yours     []string // tasks that have become the viewer's and are not over
	Notes     int
	Redacted  int

	Quarantined []Quarantined // what came and does not count, by device; in no other field

	RollCall bool // nobody has called the roll since: they should
}

// Outcome is what became of a conflict.
type Outcome struct {
	Subject string
	Text    string // ann settled it 03:15Z: bob commands
}

// Orders are what somebody who commanded on the other side told others to do. They stand until somebody cancels them.
type Orders struct {
	By    string
	Given int
	Open  []string // tasks that are not over
}

// Absent is somebody who cannot be reached.
type Absent struct {
	Handle  string
	HeardMS int64 // how long ago
	Never   bool
}

// Blocked is a task that has come to a stop.
type Blocked struct {
	Task string
	By   string
	Why  string
}

// Empty reports whether there is nothing in the report that anybody needs to see.
func (m *MergeReport) Empty() bool {
	return m.Operations == 0 || len(m.Settle)+len(m.Settled)+len(m.Merged)+len(m.Decisions)+len(m.Orders)+len(m.New)+
		m.TasksNew+m.TasksDone+len(m.Blocked)+len(m.Yours)+m.Notes+m.Redacted+len(m.Quarantined) == 0 &&
		m.Severity == m.SeverityWas && m.Status == m.StatusWas && m.Commander == m.CommanderWas
}
