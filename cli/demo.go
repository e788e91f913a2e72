package cli

import (
	"bytes"
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

//go:embed demo.replay
var demoScript []byte

// Pauses of the demo at speed 1, for reading.
const (
	demoLinePause  = 1800 * time.Millisecond
	demoBoardPause = 7 * time.Second
)

// demoCommand shows in about a minute what a cut does to a board, and what its end does.
func (a *app) demoCommand() *cobra.Command {
	speed := speedFlag{times: 1}
	cmd := &cobra.Command{
		Use: "demo [--speed N|max]", Short: "watch three nodes through a cut and its end, in about a minute", GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sc, err := parseScript(bytes.NewReader(demoScript))
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return a.demo(ctx, sc, speed.times)
		},
	}
	cmd.Flags().Var(&speed, "speed", "times faster, or max")
	return cmd
}

// demo plays the script on three nodes and tells what happens.
func (a *app) demo(ctx context.Context, sc *script, speed float64) (err error) {
	d := &demonstration{out: &printer{w: a.Out, color: a.color}, script: sc, speed: speed}
	d.out.line(wrap("", fmt.Sprintf("Three laptops: %s. Each is a process of its own on this machine, with its own keys and disk; they talk over "+
		"loopback. There is no server. A real outage of 2019 is typed again.", strings.Join(sc.people, ", ")), 0))
	if d.stage, err = openStage(ctx, sc.people, ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stage.close()) }()
	for _, st := range sc.steps {
		if err := errors.Join(d.play(ctx, st), d.out.err); err != nil {
			return err
		}
	}
	if d.failed > 0 {
		a.code = exitFailed
		return d.out.err
	}
	d.out.line("\nAll three boards are equal. The nodes are stopped and their directories removed.")
	d.out.line(`Your turn: muster declare "what is wrong" --sev 2   (muster help first-five-minutes)`)
	return d.out.err
}

// demonstration is one demo under way.
type demonstration struct {
	out    *printer
	script *script
	stage  *stage
	speed  float64
	cut    bool // the network is in pieces
	judged bool // the end has been announced
	failed int
}

// play does one step and tells it.
func (d *demonstration) play(ctx context.Context, st step) error {
	switch st.kind {
	case stepType:
		return d.typed(ctx, st)
	case stepNet:
		return d.net(ctx, st)
	case stepCheck:
		return d.judge(ctx, st, st.who)
	case stepExpect:
		if !d.judged {
			d.judged = true
			d.heading("at the end, on everybody's node")
			if err := d.board(ctx, d.script.people[0]); err != nil {
				return err
			}
		}
		return d.judge(ctx, st, d.script.people)
	}
	return nil
}

// typed shows what somebody types, and what their node answers.
func (d *demonstration) typed(ctx context.Context, st step) error {
	head := fmt.Sprintf("%s %s $ muster ", st.text[:8], pad(st.who[0], 5))
	_, words, _ := strings.Cut(st.text, st.who[0])
	d.out.line(wrap(head, clean(words), 25))
	r, err := d.stage.typed(ctx, st.who[0], st.args)
	if err != nil {
		return fmt.Errorf("line %d: %w", st.line, err)
	}
	d.out.line(wrap("                 ", made(r)+"; "+delivery(r.Delivery), 19))
	if err := d.stage.quiet(ctx); err != nil {
		return err
	}
	return pause(ctx, demoLinePause, d.speed)
}

// net cuts or heals. A heal is told with the boards of both sides before it, and the one board after it.
func (d *demonstration) net(ctx context.Context, st step) error {
	whole := len(st.groups) == 1
	if whole && !d.cut {
		return d.stage.partition(ctx, st.groups)
	}
	var sides []string
	for _, g := range st.groups {
		sides = append(sides, strings.Join(g, " and "))
	}
	if !whole {
		d.cut = true
		d.heading("the network breaks: " + strings.Join(sides, " | "))
		d.out.line("Nobody waits: each side goes on with the board it has.")
		if err := d.stage.partition(ctx, st.groups); err != nil {
			return err
		}
		return pause(ctx, demoLinePause, d.speed)
	}
	for _, g := range d.stage.groups {
		d.heading("before the link returns, what is seen by " + strings.Join(g, " and "))
		if err := d.board(ctx, g[0]); err != nil {
			return err
		}
	}
	d.heading("the link returns")
	start := time.Now()
	if err := d.stage.partition(ctx, st.groups); err != nil {
		return err
	}
	d.cut = false
	d.out.line(wrap("", fmt.Sprintf("All three hold the same board again %.1f s later. What no machine may decide waits for a human; meanwhile "+
		"everybody sees the safe side and can go on.", time.Since(start).Seconds()), 0))
	return d.board(ctx, d.script.people[0])
}

// judge checks a line silently; only a failure is told.
func (d *demonstration) judge(ctx context.Context, st step, who []string) error {
	r := &replaying{app: &app{set: settings{output: outJSON}}, stage: d.stage, script: d.script, out: d.out}
	if err := r.judge(ctx, st, who); err != nil {
		return err
	}
	for _, f := range r.findings {
		if !f.OK {
			d.failed++
			d.out.linef("UNEXPECTED: %s: %s", clean(f.Text), clean(f.Saw))
		}
	}
	return nil
}

// board shows the incident as one node shows it.
func (d *demonstration) board(ctx context.Context, who string) error {
	st, err := d.stage.player(who).node.Status(ctx)
	if err != nil {
		return err
	}
	for _, in := range st.Incidents {
		show, err := d.stage.player(who).node.Show(ctx, in.Name)
		if err != nil {
			return err
		}
		printIncident(d.out, show, now())
	}
	return pause(ctx, demoBoardPause, d.speed)
}

// heading sets a part off.
func (d *demonstration) heading(s string) {
	d.out.line("\n=== " + s + " " + strings.Repeat("=", max(3, columns-5-len(s))))
}
