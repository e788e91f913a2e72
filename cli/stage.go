package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"muster/node/api"
)

const (
	quietTimeout = 60 * time.Second // for those who reach each other to hold the same
	quietPoll    = 5 * time.Millisecond
	joinsTimeout = 30 * time.Second // for one node to join

	compactTimeout = 10 * time.Second // for erased texts to leave the files
	compactPoll    = 100 * time.Millisecond
)

// A stage is a team of real nodes, one process a person, on loopback of this machine. Its networks are cut as drills cut
// them. Whatever happens to the runner, its nodes end with it.
type stage struct {
	root    string // directory of the nodes' homes, one named for each person
	keep    bool   // leave root behind
	players []*player
	groups  [][]string // who reach each other now
	notes   []typedNote
}

// A player is one person with one node.
type player struct {
	name  string
	dir   string
	cmd   *exec.Cmd
	ended chan error // gets one value when the process has ended
	node  *api.Client
	cut   []string // whom this node is cut from now
}

// openStage starts the nodes and joins them into one team. On an error everything it started is gone.
func openStage(ctx context.Context, people []string, keep string) (*stage, error) {
	s := &stage{keep: keep != "", groups: [][]string{people}}
	var err error
	if s.root, err = stageRoot(keep); err != nil {
		return nil, err
	}
	if err := s.assemble(ctx, people); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// stageRoot makes the directory: the one to keep, which must be empty, or one that goes away.
func stageRoot(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "muster-")
	}
	if err := os.MkdirAll(keep, 0o700); err != nil {
		return "", err
	}
	if entries, err := os.ReadDir(keep); err != nil {
		return "", err
	} else if len(entries) > 0 {
		return "", api.Errorf(api.CodeUsage, "give --keep a new or empty directory", "%s is not empty", keep)
	}
	return filepath.Abs(keep)
}

// assemble starts a node for everybody and lets the first invite the others.
func (s *stage) assemble(ctx context.Context, people []string) error {
	first := ""
	for _, name := range people {
		p, addr, err := s.launch(ctx, name, first)
		if err != nil {
			return fmt.Errorf("node of %s: %w", name, err)
		}
		if first == "" {
			first = addr
			if _, err := p.node.Init(ctx, api.Init{Responder: name, Team: "replay"}); err != nil {
				return err
			}
		}
	}
	if len(people) > 1 {
		inv, err := s.players[0].node.Invite(ctx, api.Invite{Uses: len(people) - 1})
		if err != nil {
			return err
		}
		for _, p := range s.players[1:] {
			joining, cancel := context.WithTimeout(ctx, joinsTimeout)
			_, err := p.node.Join(joining, api.Join{Code: inv.Code, Responder: p.name})
			cancel()
			if err != nil {
				return fmt.Errorf("%s joins: %w", p.name, err)
			}
		}
	}
	return s.quiet(ctx)
}

// launch starts one node and waits for its ready line, which holds its address.
func (s *stage) launch(ctx context.Context, name, join string) (*player, string, error) {
	p := &player{name: name, dir: filepath.Join(s.root, name), ended: make(chan error, 1)}
	args := []string{"up", "--dir", p.dir, "--listen", "127.0.0.1:0", "--no-discover"}
	if join != "" {
		args = append(args, "--join", join)
	}
	cmd, err := self(args...)
	if err != nil {
		return nil, "", err
	}
	log, err := os.OpenFile(p.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, "", err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, "", errors.Join(err, log.Close())
	}
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MUSTER_") })
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = w, log, bound()
	err = cmd.Start()
	if err = errors.Join(err, w.Close(), log.Close()); err != nil {
		return nil, "", errors.Join(err, r.Close())
	}
	p.cmd, p.node = cmd, api.NewClient(p.dir)
	go func() { p.ended <- cmd.Wait() }()
	s.players = append(s.players, p)

	stop := context.AfterFunc(ctx, func() {
		if err := r.SetReadDeadline(time.Now()); err != nil {
			return // it is closed, so the line was read
		}
	})
	defer stop()
	err = r.SetReadDeadline(time.Now().Add(startTimeout))
	line, rerr := bufio.NewReader(r).ReadString('\n')
	err = errors.Join(err, r.Close())
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case rerr != nil || !ok:
		return nil, "", lastWords(p.dir+".log", 0)
	}
	return p, addr, err
}

// close ends every node, asking first, and removes what was made unless it is to be kept.
func (s *stage) close() error {
	err := s.stopNodes()
	if !s.keep {
		err = errors.Join(err, os.RemoveAll(s.root))
	}
	return err
}

// stopNodes ends the processes and waits for each. It may be called again.
func (s *stage) stopNodes() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for _, p := range s.players {
		if err := p.node.Stop(ctx); err != nil && api.AsError(err).Code != api.CodeNoNode && api.AsError(err).Code != api.CodeStopped {
			errs = append(errs, fmt.Errorf("stop the node of %s: %w", p.name, err))
		}
	}
	for _, p := range s.players {
		select {
		case err := <-p.ended:
			if err != nil {
				errs = append(errs, fmt.Errorf("the node of %s ended: %w", p.name, err))
			}
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("the node of %s did not stop and was killed", p.name), p.cmd.Process.Kill())
			if err := <-p.ended; err != nil {
				errs = append(errs, err)
			}
		}
		p.node.Close()
	}
	s.players = nil
	return errors.Join(errs...)
}

// player finds a person.
func (s *stage) player(name string) *player {
	return s.players[slices.IndexFunc(s.players, func(p *player) bool { return p.name == name })]
}

// partition makes the groups the only ones who reach each other, and waits until they hold the same. Nodes change one
// after the other, and one end is enough for a cut, so that no two who are cut before and after meet in between.
func (s *stage) partition(ctx context.Context, groups [][]string) error {
	s.groups = groups
	for _, p := range s.players {
		var others []string
		for _, g := range groups {
			if !slices.Contains(g, p.name) {
				others = append(others, g...)
			}
		}
		if sameSet(others, p.cut) {
			continue
		}
		if len(p.cut) > 0 {
			if _, err := p.node.Heal(ctx); err != nil {
				return err
			}
		}
		if len(others) > 0 {
			if _, err := p.node.Cut(ctx, others); err != nil {
				return err
			}
		}
		p.cut = others
	}
	return s.quiet(ctx)
}

// quiet waits until all who reach each other do so, hold the same, and lack nothing of each other's.
func (s *stage) quiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, quietTimeout)
	defer cancel()
	tick := time.NewTicker(quietPoll)
	defer tick.Stop()
	last := "nobody answered"
	for {
		why, err := s.restless(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err != nil:
			why = last // the question was cut off, what it had found before was not
		case why == "":
			return nil
		}
		last = why
		select {
		case <-ctx.Done():
			return api.Errorf(api.CodeUnreached, "look at the logs with --keep DIR", "no quiet within %v: %s", quietTimeout, why)
		case <-tick.C:
		}
	}
}

// restless says what is not quiet; empty: everything is.
func (s *stage) restless(ctx context.Context) (string, error) {
	for _, group := range s.groups {
		digest := ""
		for _, name := range group {
			st, err := s.player(name).node.Status(ctx)
			if err != nil {
				return "", fmt.Errorf("node of %s: %w", name, err)
			}
			if why := unsettled(st, group, len(s.players)); why != "" {
				return name + " " + why, nil
			}
			if digest == "" {
				digest = st.Digest
			} else if st.Digest != digest {
				return fmt.Sprintf("%s and %s hold different boards", group[0], name), nil
			}
		}
	}
	return "", nil
}

// unsettled says what one node still waits for; people is the size of the team.
func unsettled(st api.Status, group []string, people int) string {
	if len(st.Peers) != people-1 {
		return fmt.Sprintf("knows %d of %d others", len(st.Peers), people-1)
	}
	for _, peer := range st.Peers {
		switch inside := slices.Contains(group, peer.Responder); {
		case inside && !peer.Reachable:
			return "does not reach " + peer.Responder
		case inside && peer.Lacks > 0:
			return fmt.Sprintf("has %d operations that %s lacks", peer.Lacks, peer.Responder)
		case !inside && peer.Reachable:
			return "still reaches " + peer.Responder
		}
	}
	if st.Syncing != nil {
		return "is receiving"
	}
	return ""
}

// typed does what a person typed on their own node, through the same command tree as the command line, answering every
// question with yes. The receipt is zero for a verb that writes nothing.
func (s *stage) typed(ctx context.Context, who string, args []string) (api.Receipt, error) {
	p := s.player(who)
	var out, diag bytes.Buffer
	a := newApp(Streams{In: strings.NewReader(""), Out: &out, Err: &diag, Getenv: func(string) string { return "" }})
	a.open = func(context.Context, string) (api.Service, error) { return p.node, nil }
	code := a.run(ctx, append([]string{"--dir", p.dir, "--yes", "--output", outJSON}, args...))
	if code != exitOK && code != exitUndelivered && code != exitHuman || diag.Len() > 0 {
		var f struct{ Error *api.Error }
		if err := json.Unmarshal(diag.Bytes(), &f); err != nil || f.Error == nil {
			return api.Receipt{}, fmt.Errorf("exit %d: %s", code, diag.String())
		}
		return api.Receipt{}, f.Error
	}
	var r api.Receipt
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Op == "" {
		return api.Receipt{}, nil // not a write
	}
	if args[0] == "note" && len(args) > 1 {
		s.notes = append(s.notes, typedNote{text: args[1], op: r.Op})
	}
	return r, nil
}

// look asks one node for what an expectation is about.
func (s *stage) look(ctx context.Context, who string, e expectation) (sight, error) {
	p := s.player(who)
	st, err := p.node.Status(ctx)
	if err != nil {
		return sight{}, err
	}
	seen := sight{status: st, notes: s.notes}
	incident := e.incident
	switch all := counted(st.Incidents); {
	case e.words[0] == "incidents", e.words[0] == "alias":
		return seen, nil
	case incident != "":
	case len(all) == 1:
		incident = all[0].Name
	case e.words[0] == "canonical": // which is found by the title that it names
		incident = e.words[1]
	case len(all) > 1:
		return seen, api.Errorf(api.CodeAmbiguous, "", "there are %d incidents: say -i", len(all))
	}
	seen.incident, err = p.node.Show(ctx, incident)
	return seen, err
}

// shows reports whether any answer of a node holds a text.
func (s *stage) shows(ctx context.Context, p *player, text string) (bool, error) {
	st, err := p.node.Status(ctx)
	if err != nil {
		return false, err
	}
	answers := []any{st}
	for _, in := range st.Incidents {
		show, err := p.node.Show(ctx, in.Name)
		if err != nil {
			return false, err
		}
		log, err := p.node.Log(ctx, in.Name)
		if err != nil {
			return false, err
		}
		answers = append(answers, show, log)
	}
	for _, v := range answers {
		b, err := json.Marshal(v)
		if err != nil {
			return false, err
		}
		if bytes.Contains(b, []byte(text)) {
			return true, nil
		}
	}
	return false, nil
}

// compacted waits, for a bounded time, until a text that was erased is out of the nodes' files: they clean them a moment
// after an erasure. Whether it is out is judged later, when the nodes have stopped.
func (s *stage) compacted(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, compactTimeout)
	defer cancel()
	tick := time.NewTicker(compactPoll)
	defer tick.Stop()
	for {
		if path, err := s.onDisk(text); path == "" && err == nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // a file may go while its directory is read
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// onDisk looks for a text in every file of every home, and says which holds it.
func (s *stage) onDisk(text string) (string, error) {
	found := ""
	err := filepath.WalkDir(s.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || found != "" || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		has, err := holds(f, []byte(text))
		if has {
			found = path
		}
		return errors.Join(err, f.Close())
	})
	return found, err
}
