package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// A finding is what became of one line of a script that can fail.
type finding struct {
	Line int    `json:"line"`
	Text string `json:"text"`
	OK   bool   `json:"ok"`
	Saw  string `json:"saw,omitempty"` // where and what, when it does not hold
}

// replayCommand types a real incident again and judges what is on the boards.
func (a *app) replayCommand() *cobra.Command {
	speed := speedFlag{}
	var keep string
	var checks, verbose bool
	cmd := &cobra.Command{
		Use: "replay FILE [--speed N|max] [--keep DIR]", Short: "type a recorded incident again on real nodes, and check the boards", GroupID: groupNode,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("replay", "one FILE, please")
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return api.Errorf(api.CodeNotFound, "", "the script cannot be read: %v", err)
			}
			sc, err := parseScript(bytes.NewReader(b))
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return a.replay(ctx, sc, replayOptions{keep: keep, checks: checks, verbose: verbose, speed: speed.times})
		},
	}
	cmd.Flags().Var(&speed, "speed", "times faster than it happened, or max (the default)")
	cmd.Flags().StringVar(&keep, "keep", "", "keep the nodes' homes in this new directory")
	cmd.Flags().BoolVar(&checks, "checks", true, "judge the #check lines too")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "print what is typed")
	return cmd
}

// replayOptions are the flags of replay.
type replayOptions struct {
	keep    string
	checks  bool
	verbose bool
	speed   float64 // 0: as fast as it goes
}

// replay runs a script on real nodes. The exit code is 0 if and only if everything expected holds.
func (a *app) replay(ctx context.Context, sc *script, opt replayOptions) (err error) {
	start := time.Now()
	s, err := openStage(ctx, sc.people, opt.keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := &replaying{app: a, stage: s, script: sc, opt: opt, out: &printer{w: a.Out}}
	if err := r.play(ctx); err != nil {
		return err
	}
	if err := r.judgeEnd(ctx); err != nil {
		return err
	}
	failed := 0
	for _, f := range r.findings {
		if !f.OK {
			failed++
		}
	}
	if failed > 0 {
		a.code = exitFailed
	}
	if a.set.output != outText {
		return a.print(r.findings, nil)
	}
	r.out.linef("%d of %d hold; %s, %s typed, %.1fs", len(r.findings)-failed, len(r.findings), count(len(sc.people), "node"), count(r.typed, "line"),
		time.Since(start).Seconds())
	return r.out.err
}

// replaying is one run.
type replaying struct {
	app      *app
	stage    *stage
	script   *script
	opt      replayOptions
	out      *printer
	findings []finding
	typed    int
}

// report keeps a finding and prints its line.
func (r *replaying) report(st step, ok bool, saw string) {
	f := finding{Line: st.line, Text: strings.TrimPrefix(st.text, "#"), OK: ok}
	if !ok {
		f.Saw = saw
	}
	r.findings = append(r.findings, f)
	if r.app.set.output != outText {
		return
	}
	mark := "ok  "
	if !ok {
		mark = "FAIL"
	}
	r.out.line(wrap(fmt.Sprintf("%s line %3d  ", mark, st.line), clean(f.Text), 15))
	if !ok {
		r.out.line(wrap("               ", clean(saw), 17))
	}
}

// play does every line that is not an expectation about the end, each when all who reach each other have synced.
func (r *replaying) play(ctx context.Context) error {
	clock := time.Duration(-1)
	for _, st := range r.script.steps {
		if st.at >= 0 {
			if clock >= 0 {
				if err := pause(ctx, st.at-clock, r.opt.speed); err != nil {
					return err
				}
			}
			clock = st.at
		}
		switch st.kind {
		case stepNet:
			r.say(st)
			if err := r.stage.partition(ctx, st.groups); err != nil {
				return fmt.Errorf("line %d: %w", st.line, err)
			}
		case stepType:
			r.say(st)
			r.typed++
			if _, err := r.stage.typed(ctx, st.who[0], st.args); err != nil {
				r.report(st, false, err.Error())
			}
			if err := r.stage.quiet(ctx); err != nil {
				return fmt.Errorf("line %d: %w", st.line, err)
			}
		case stepCheck:
			if r.opt.checks {
				if err := r.judge(ctx, st, st.who); err != nil {
					return err
				}
			}
		case stepExpect:
		}
	}
	return nil
}

// say prints a line of the script as it is played.
func (r *replaying) say(st step) {
	if r.opt.verbose && r.app.set.output == outText {
		r.out.line(wrap("     ", clean(st.text), 7))
	}
}

// judge asks each of the nodes.
func (r *replaying) judge(ctx context.Context, st step, who []string) error {
	if st.want.words[0] == wantSame {
		ok, saw, err := r.same(ctx)
		r.report(st, ok, saw)
		return err
	}
	for _, name := range who {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		seen, err := r.stage.look(ctx, name, st.want)
		if err != nil {
			r.report(st, false, "on "+name+": "+err.Error())
			return nil
		}
		if ok, saw := st.want.holds(seen); !ok {
			r.report(st, false, "on "+name+": "+saw)
			return nil
		}
	}
	r.report(st, true, "")
	return nil
}

// same compares the digests of all nodes.
func (r *replaying) same(ctx context.Context) (bool, string, error) {
	digests := map[string][]string{}
	for _, p := range r.stage.players {
		st, err := p.node.Status(ctx)
		if err != nil {
			return false, "", err
		}
		digests[st.Digest] = append(digests[st.Digest], p.name)
	}
	return len(digests) == 1, fmt.Sprintf("%d different boards: %v", len(digests), digests), nil
}

// judgeEnd judges what must hold on every node at the end, and last, when the nodes have stopped, what must be nowhere on
// their disks.
func (r *replaying) judgeEnd(ctx context.Context) error {
	var purged []step
	leaks := map[string]string{} // text -> who shows it
	for _, st := range r.script.steps {
		switch {
		case st.kind != stepExpect:
		case st.want.words[0] == wantPurged:
			purged = append(purged, st)
			for _, p := range r.stage.players {
				if found, err := r.stage.shows(ctx, p, st.want.words[1]); err != nil {
					return err
				} else if found {
					leaks[st.want.words[1]] = "shown on " + p.name
					break
				}
			}
		default:
			if err := r.judge(ctx, st, r.script.people); err != nil {
				return err
			}
		}
	}
	for _, st := range purged {
		if leaks[st.want.words[1]] == "" {
			if err := r.stage.compacted(ctx, st.want.words[1]); err != nil {
				return err
			}
		}
	}
	if len(purged) == 0 {
		return nil
	}
	if err := r.stage.stopNodes(); err != nil {
		return err
	}
	for _, st := range purged {
		text := st.want.words[1]
		saw := leaks[text]
		if saw == "" {
			path, err := r.stage.onDisk(text)
			if err != nil {
				return err
			}
			if path != "" {
				saw = "in " + path
			}
		}
		r.report(st, saw == "", saw)
	}
	return nil
}

// pause waits d at a speed; 0 does not wait.
func pause(ctx context.Context, d time.Duration, times float64) error {
	if times == 0 || d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(time.Duration(float64(d) / times))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// speedFlag is --speed: a number of times, or max.
type speedFlag struct{ times float64 }

func (f *speedFlag) String() string { return "" }
func (f *speedFlag) Type() string   { return "N|max" }

func (f *speedFlag) Set(s string) error {
	if s == "max" {
		f.times = 0
		return nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n <= 1e6) {
		return api.Errorf(api.CodeUsage, "a number of times faster, or max", "%q is not a speed", s)
	}
	f.times = n
	return nil
}

// holds reports whether r contains text, reading it piece by piece.
func holds(r io.Reader, text []byte) (bool, error) {
	if len(text) == 0 {
		return false, nil
	}
	buf := make([]byte, 0, 1<<20)
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if bytes.Contains(buf, text) {
			return true, nil
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return false, nil
		case err != nil:
			return false, err
		}
		keep := slices.Clone(buf[max(0, len(buf)-len(text)+1):]) // the text may lie across two pieces
		buf = append(buf[:0], keep...)
	}
}
