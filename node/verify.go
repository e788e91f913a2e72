package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
	"muster/node/store"
)

const (
	verifyTries = 3    // reading a document again because it grew meanwhile
	verifyChunk = 4096 // operations compared in one turn of the loop, about a millisecond
)

// Verify audits the store while the node runs on: once by itself ([store.Store.Audit]), and once against what this node
// shows. The loop is asked in short turns only; reading happens beside it.
func (n *Node) Verify(ctx context.Context) (api.Verification, error) {
	s, err := n.current(ctx)
	if err != nil {
		return api.Verification{}, err
	}
	v := &verifier{s: s, start: time.Now(), out: api.Verification{Schema: "muster.verify/1", Peers: []api.Compared{}, Problems: []api.Problem{}}}
	if err := v.run(ctx); err != nil {
		return api.Verification{}, problem(err)
	}
	return v.out, nil
}

// A verifier is one audit.
type verifier struct {
	s     *session
	start time.Time
	out   api.Verification

	names   map[crdt.DocID]string // incident -> its name
	damaged map[crdt.DocID]bool   // documents that cannot be read to their end
	stored  map[crdt.Hash]bool    // own operations found in documents
}

func (v *verifier) run(ctx context.Context) error {
	s := v.s
	v.names, v.damaged, v.stored = map[crdt.DocID]string{}, map[crdt.DocID]bool{}, map[crdt.Hash]bool{}
	err := s.do(ctx, func(time.Time) error {
		for _, d := range s.r.Documents() {
			v.names[d] = board.Name(d)
		}
		return nil
	})
	if err != nil {
		return err
	}
	before, _ := v.journal() // what is wrong with it the audit says
	if err := v.audit(ctx); err != nil {
		return err
	}
	docs, err := s.store.Documents()
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if err := v.document(ctx, doc); err != nil {
			return err
		}
	}
	v.compareJournal(before)
	if err := s.do(ctx, func(time.Time) error { v.shown(docs); v.peers(); return nil }); err != nil {
		return err
	}
	v.report()
	v.out.Documents = len(docs)
	v.out.Sound = len(v.out.Problems) == 0
	v.out.DurationMS = time.Since(v.start).Milliseconds()
	return nil
}

// problem notes what is wrong.
func (v *verifier) problem(kind string, doc crdt.DocID, hint, format string, args ...any) {
	if len(v.out.Problems) == api.ProblemsMax {
		v.out.More++
		return
	}
	v.out.Problems = append(v.out.Problems, api.Problem{Kind: kind, Incident: v.names[doc], Text: fmt.Sprintf(format, args...), Hint: hint})
}

const (
	hintRestart = `"muster down" and "muster up": a node that starts sets the damaged part aside and fetches it from peers`
	hintRefetch = `"muster down", move teams/ID/store/badger out of the home, "muster up": own operations come back from the journal, others from peers`
	hintClone   = `are there two copies of that laptop's muster directory? delete one of them; both branches stay on the board`
)

// audit is the store's own audit, with real signatures. It ends early only with ctx.
func (v *verifier) audit(ctx context.Context) error {
	stopped := func() bool { return ctx.Err() != nil || v.s.ctx.Err() != nil }
	err := v.s.store.Audit(func(d crdt.DeviceID, header []byte, sig *[crdt.SignatureBytes]byte) bool {
		if stopped() {
			return true // whatever is found now is not told
		}
		return crdt.VerifyEd25519(d, header, sig)
	}, nil)
	switch {
	case v.s.ctx.Err() != nil:
		return errStopped()
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return v.damage(err)
}

// damage notes what the store says of itself. What is not damage is returned.
func (v *verifier) damage(err error) error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok { // joined errors are told one by one
		var rest []error
		for _, e := range many.Unwrap() {
			rest = append(rest, v.damage(e))
		}
		return errors.Join(rest...)
	}
	corrupt, ok := errors.AsType[*store.CorruptError](err)
	if !ok {
		return err
	}
	v.damaged[corrupt.Doc] = true
	hint := hintRestart
	if corrupt.What == store.WhatSignature {
		hint = hintRefetch // the form is right, so that a start would not notice
	}
	v.problem(api.ProblemDamage, corrupt.Doc, hint, "%s", corrupt.Error())
	return nil
}

// journal returns the operations of the journal, in the order written, as far as it can be read.
func (v *verifier) journal() (ops []*crdt.Record, err error) {
	err = v.s.store.Own(func(r *crdt.Record) error { ops = append(ops, r.WithoutBody()); return nil })
	return ops, err
}

// compareJournal compares the journal with what the documents hold of this device. before is the journal as it was
// before the documents were read: a write in between is in the journal first.
func (v *verifier) compareJournal(before []*crdt.Record) {
	after, err := v.journal()
	if err != nil {
		return // the audit has said so
	}
	v.out.Own = len(after)
	lost, written := map[crdt.DocID]int{}, map[crdt.Hash]bool{}
	for _, r := range before {
		if !v.stored[r.Hash] && !v.damaged[r.Doc()] {
			lost[r.Doc()]++
		}
	}
	for _, r := range after {
		written[r.Hash] = true
	}
	strays := 0
	for h := range v.stored {
		if !written[h] {
			strays++
		}
	}
	for _, doc := range sortedDocs(lost) {
		v.problem(api.ProblemJournal, doc, hintRestart, "%s in the journal and not in the store", operations(lost[doc]))
	}
	if strays > 0 {
		v.problem(api.ProblemJournal, crdt.DocID{}, `"muster down" and "muster up": a node that starts puts them back`,
			"%s of this laptop in the store and not in its journal", operations(strays))
	}
}

func sortedDocs(m map[crdt.DocID]int) []crdt.DocID {
	out := make([]crdt.DocID, 0, len(m))
	for d := range m {
		out = append(out, d)
	}
	slices.SortFunc(out, crdt.DocID.Compare)
	return out
}

func operations(n int) string {
	if n == 1 {
		return "1 operation"
	}
	return fmt.Sprintf("%d operations", n)
}

// shown looks at what only the replica knows, on the loop.
func (v *verifier) shown(docs []crdt.DocID) {
	team := v.s.r.Team()
	for _, doc := range append(v.s.r.Documents(), v.s.team) {
		if !slices.Contains(docs, doc) && !v.young(doc) {
			v.problem(api.ProblemMissing, doc, hintRestart, "the document is shown and not in the store")
		}
		for _, f := range v.s.r.Graph(doc).Forks() {
			who := "device " + f.Dot.Device.Short()
			if m, ok := team.Member(f.Dot.Device); ok {
				who = m.Handle + "'s " + who
			}
			v.problem(api.ProblemFork, doc, hintClone, "%s wrote %d operations as its number %d", who, len(f.Ops), f.Dot.Seq)
		}
	}
}

// young reports whether a document was not there when this audit began.
func (v *verifier) young(doc crdt.DocID) bool { return doc != v.s.team && v.names[doc] == "" }

// peers compares this node with others, on the loop.
func (v *verifier) peers() {
	for _, m := range v.s.r.Team().Members() {
		if m.Device == v.s.r.Device() {
			continue
		}
		c := api.Compared{Device: m.Device.String(), Responder: m.Handle, Reachable: v.s.r.Reachable(m.Device)}
		c.Lacks, c.Ahead = v.s.r.Compare(m.Device)
		c.Equal = c.Reachable && c.Lacks == 0 && !c.Ahead
		v.out.Peers = append(v.out.Peers, c)
	}
}

// report adds what the store said when it was opened.
func (v *verifier) report() {
	rep := v.s.report
	note := func(text string, when bool) {
		if when {
			v.out.Notes = append(v.out.Notes, strings.Join(strings.Fields(text), " "))
		}
	}
	note("at its start this node set a damaged store aside: "+rep.SetAside, rep.SetAside != "")
	note("at its start the journal was damaged: "+rep.JournalDamage, rep.JournalDamage != "")
	note("at its start this node began a new log: "+rep.Reason, rep.FreshEpoch && !rep.New)
	note(fmt.Sprintf("at its start %s came back from the journal", operations(rep.Restored)), rep.Restored > 0)
	note(fmt.Sprintf("at its start %s went back into the journal", operations(rep.Recovered)), rep.Recovered > 0)
}
