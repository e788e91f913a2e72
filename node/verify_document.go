package node

import (
	"context"
	"errors"
	"time"

	"muster/crdt"
	"muster/node/api"
	"muster/node/store"
)

// A docAudit is one reading of one document, between two looks at what the node shows of it.
type docAudit struct {
	v   *verifier
	doc crdt.DocID

	shownBefore int           // operations the node showed before the reading
	tipsBefore  crdt.Frontier // and where its logs ended
	unsigned    map[crdt.Hash]bool

	read   []readOp
	logs   map[crdt.LogID]bool
	counts struct{ signed, vouched, bodies, erased int }
	inRead map[crdt.Hash]bool // the tips of before that were read
	ends   crdt.Frontier      // as the store derives it from its records
}

// readOp is what is remembered of a record.
type readOp struct {
	hash   crdt.Hash
	erased bool
}

// document compares what the store holds of a document with what this node shows of it. While the node writes, the two
// differ for a moment in which only part of that can be said: then it is read again.
func (v *verifier) document(ctx context.Context, doc crdt.DocID) error {
	for try := 1; ; try++ {
		a := &docAudit{v: v, doc: doc, logs: map[crdt.LogID]bool{}, inRead: map[crdt.Hash]bool{}, unsigned: map[crdt.Hash]bool{}}
		if err := a.look(ctx); err != nil {
			return err
		}
		if err := a.scan(); errors.Is(err, errDamaged) {
			a.count() // what could be read
			return nil
		} else if err != nil {
			return err
		}
		still, err := a.compare(ctx, try == verifyTries)
		if err != nil {
			return err
		}
		if still || try == verifyTries {
			a.count()
			return nil
		}
	}
}

// look notes what the node shows. When it returns, the store holds all of that.
func (a *docAudit) look(ctx context.Context) error {
	return a.v.s.do(ctx, func(time.Time) error {
		g := a.v.s.r.Graph(a.doc)
		if g == nil {
			return nil
		}
		a.shownBefore, a.tipsBefore = g.Len(), g.Frontier()
		for _, t := range a.tipsBefore {
			if !g.Signed(t.Hash) { // hidden by the store until its signed successor comes
				a.unsigned[t.Hash] = true
			}
		}
		return nil
	})
}

var errDamaged = errors.New("the document cannot be read to its end")

// scan reads the document.
func (a *docAudit) scan() error {
	tips := map[crdt.Hash]bool{}
	for _, t := range a.tipsBefore {
		tips[t.Hash] = true
	}
	self := a.v.s.n.device.ID()
	err := a.v.s.store.Scan(a.doc, func(r *crdt.Record) error {
		a.read = append(a.read, readOp{r.Hash, r.Erased})
		a.logs[r.Op.Dot.Log()] = true
		switch {
		case r.Erased:
			a.counts.erased++
		default:
			a.counts.bodies++ // reading it has compared it with the hash that was signed
		}
		if r.Sig == nil {
			a.counts.vouched++
		} else {
			a.counts.signed++ // the audit before this one has checked it
		}
		if tips[r.Hash] {
			a.inRead[r.Hash] = true
		}
		if r.Op.Dot.Device == self {
			a.v.stored[r.Hash] = true
		}
		return nil
	})
	if err == nil {
		a.ends, err = a.v.s.store.Frontier(a.doc)
	}
	if _, damaged := errors.AsType[*store.CorruptError](err); damaged {
		if !a.v.damaged[a.doc] { // after the audit had passed it
			return errors.Join(errDamaged, a.v.damage(err))
		}
		return errDamaged
	}
	return err
}

// compare compares what was read with what the node shows now, and reports whether that had not changed meanwhile. If it
// had, only what must hold all the same counts as a problem, and none is noted unless this is the last try.
func (a *docAudit) compare(ctx context.Context, last bool) (still bool, err error) {
	var foreign, unexplained, undone int
	grown := -1
	redacted := map[crdt.Hash]bool{}
	gone := false
	for from := 0; from == 0 || from < len(a.read); from += verifyChunk {
		chunk := a.read[from:min(from+verifyChunk, len(a.read))]
		err := a.v.s.do(ctx, func(time.Time) error {
			g := a.v.s.r.Graph(a.doc)
			if g == nil {
				gone = true
				return nil
			}
			if b := a.v.s.r.Board(a.doc); b != nil && from == 0 {
				for _, h := range b.Erasures() {
					redacted[h] = true
				}
			}
			for _, o := range chunk {
				switch {
				case !g.Has(o.hash):
					foreign++
				case o.erased && !redacted[o.hash]:
					unexplained++
				case !o.erased && redacted[o.hash]:
					undone++
				}
			}
			grown = g.Len() - a.shownBefore
			return nil
		})
		if err != nil {
			return false, err
		}
	}
	still = grown == 0 && !gone
	if still || last {
		a.judge(still, gone, foreign, unexplained, undone)
	}
	return still, nil
}

// judge notes the problems of a document.
func (a *docAudit) judge(still, gone bool, foreign, unexplained, undone int) {
	v := a.v
	if gone {
		v.problem(api.ProblemForeign, a.doc, hintRefetch, "the store holds %s of a document that this node does not show", operations(len(a.read)))
		return
	}
	lost, waiting := 0, 0
	for _, t := range a.tipsBefore {
		switch {
		case a.inRead[t.Hash]:
		case a.unsigned[t.Hash]:
			waiting++
		default:
			lost++
		}
	}
	switch {
	case lost > 0:
		v.problem(api.ProblemMissing, a.doc, hintRestart, "%d logs end earlier in the store than this node shows them", lost)
	case foreign > 0:
		v.problem(api.ProblemForeign, a.doc, hintRefetch, "the store holds %s that this node does not show", operations(foreign))
	case !still:
		v.problem(api.ProblemUnstable, a.doc, "run muster verify again when less is written",
			"read %d times, and it had changed each time: not all of it could be compared", verifyTries)
	case waiting == 0 && a.shownBefore != len(a.read):
		v.problem(api.ProblemMissing, a.doc, hintRestart, "this node shows %s, the store holds %d", operations(a.shownBefore), len(a.read))
	case waiting == 0 && a.ends.Digest() != a.tipsBefore.Digest():
		v.problem(api.ProblemMissing, a.doc, hintRestart, "the logs end elsewhere in the store than this node shows them")
	}
	if waiting > 0 {
		v.out.Notes = append(v.out.Notes, operations(waiting)+" and what is before them in their logs wait for a signed one; peers send it")
	}
	if !still {
		return // a redaction may be half done
	}
	if unexplained > 0 {
		v.problem(api.ProblemErasure, a.doc, hintRefetch, "the text of %s is gone, and nobody redacted it", operations(unexplained))
	}
	if undone > 0 {
		v.problem(api.ProblemErasure, a.doc, `"muster down" and "muster up": a node that starts erases what was redacted`,
			"the text of %s is still on this disk although it was redacted", operations(undone))
	}
}

// count adds what was read to the totals.
func (a *docAudit) count() {
	out := &a.v.out
	out.Operations += len(a.read)
	out.Logs += len(a.logs)
	out.Signatures += a.counts.signed
	out.Vouched += a.counts.vouched
	out.Bodies += a.counts.bodies
	out.Erased += a.counts.erased
}
