package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"muster/node/api"
)

// statusCommand is two things people call by one word: how this node is, and, with a word, a new status of the incident.
func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: `status [active|investigating|identified|mitigated|...] ["why"]`, GroupID: groupIncident,
		Short:   "this node and its peers; with a word: set the incident's status",
		Example: "  muster status\n  muster status mitigated",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return a.setStatus(cmd.Context(), args)
			}
			st, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(st, func(p *printer) { printStatus(p, st) })
		},
	}
}

// setStatus is the write.
func (a *app) setStatus(ctx context.Context, args []string) error {
	value := strings.ToLower(args[0])
	switch value {
	case "active", "investigating", "identified", "mitigated", "resolved", "closed", "duplicate", "cancelled", "declined":
	default:
		return api.Errorf(api.CodeUsage, "one of active, investigating, identified, mitigated, resolved, closed, duplicate, cancelled, declined",
			"%q is not a status", args[0])
	}
	return a.write(ctx, api.Write{Verb: "status", Value: value, Reason: strings.TrimSpace(strings.Join(args[1:], " "))})
}

// status asks the node.
func (a *app) status(ctx context.Context) (api.Status, error) {
	s, err := a.service(ctx)
	if err != nil {
		return api.Status{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return s.Status(ctx)
}

func printStatus(p *printer, st api.Status) {
	if st.Protection == api.ProtectedLocked {
		p.line("home " + st.Home)
		for _, w := range st.Warnings {
			p.line(clean(w))
		}
		return
	}
	p.linef("%s in team %s, device %s, up %s", clean(st.Responder), clean(st.Team), cut(st.Device, 12), stint(st.UptimeMS))
	p.linef("listens on %s; %s", strings.Join(st.Listen, " "), count(st.Operations, "operation"))
	p.line("home " + st.Home)
	if st.Protection == api.ProtectedNone {
		p.line(protectionWords(st.Protection))
	}
	if len(st.Cut) > 0 {
		p.line(wrap("", p.loud("CUT")+" by a drill from "+clean(strings.Join(st.Cut, ", "))+`; end it with "muster drill heal"`, 2))
	}
	if y := st.Syncing; y != nil {
		p.linef("syncing: %d of %d operations, %d of %d kB", y.Operations, y.OperationsTotal, y.Bytes/1000, y.BytesTotal/1000)
	}
	for _, w := range st.Warnings {
		p.line(wrap(p.loud("warning")+": ", clean(w), 2))
	}
	for _, n := range st.TeamNotes {
		p.line(wrap("team: ", clean(n), 2))
	}
	for _, in := range counted(st.Incidents) {
		p.line(incidentLine(in))
	}
	printSuggestions(p, st.Suggestions)
	if len(st.Incidents) == 0 {
		p.line(`no incident; open one with: muster declare "what is wrong" --sev 2`)
	}
	printPeers(p, st)
	printStorage(p, st.Storage)
}

// incidentLine is one incident in a list.
func incidentLine(in api.IncidentStatus) string {
	mark := " "
	if in.Current {
		mark = "*"
	}
	settle := ""
	if in.Settle > 0 {
		settle = fmt.Sprintf("  %d TO SETTLE", in.Settle)
	}
	head := fmt.Sprintf("%s %s SEV%d %s%s", mark, nameWith(in), in.Severity, strings.ToUpper(in.Status), settle)
	return head + "  " + cut(clean(in.Title), columns-2-len([]rune(head)))
}

// storageMax is how many people the status tells the storage of.
const storageMax = 5

// printStorage says who wrote how much of a board that has become large.
func printStorage(p *printer, all []api.Storage) {
	if len(all) == 0 {
		return
	}
	p.line("stored here, by who wrote it:")
	for _, s := range all[:min(len(all), storageMax)] {
		line := fmt.Sprintf("  %s %s, %s", pad(clean(s.Responder), 10), count(s.Operations, "operation"), sizeWords(s.Bytes))
		if s.Delayed {
			line += "; sends more than its allowance, and is slowed down"
		}
		p.line(wrap("", line, 4))
	}
	if n := len(all) - storageMax; n > 0 {
		p.linef("  and %d more people", n)
	}
}

// sizeWords is a number of bytes for people.
func sizeWords(bytes uint64) string {
	if bytes < 1_000_000 {
		return fmt.Sprintf("%d kB", (bytes+999)/1000)
	}
	return fmt.Sprintf("%d MB", (bytes+500_000)/1_000_000)
}

// peersCommand lists who this node can reach.
func (a *app) peersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "peers", Short: "who can be reached, and who lacks what of mine", GroupID: groupNode, Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			st, err := a.status(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(st.Peers, func(p *printer) { printPeers(p, st) })
		},
	}
}

func printPeers(p *printer, st api.Status) {
	if len(st.Peers) == 0 {
		p.line(`nobody else in this team; let others in with: muster invite`)
		return
	}
	for _, peer := range st.Peers {
		state := "reachable"
		switch {
		case peer.Cut:
			state = "CUT by a drill"
		case peer.Reachable:
			state = fmt.Sprintf("reachable %s %.1fms", peer.Addr, peer.RTTMS)
		case peer.Never:
			state = "never heard"
		default:
			state = "last heard " + age(peer.HeardMS) + " ago"
		}
		if peer.Via != "" && !peer.Reachable {
			state += fmt.Sprintf(" (through %s %s ago)", clean(peer.Via), age(peer.WordMS))
		}
		lacks := "has all of mine"
		if peer.Lacks > 0 {
			lacks = fmt.Sprintf("lacks %d of mine", peer.Lacks)
		}
		if off := peer.OffsetMS; off > 2000 || off < -2000 {
			lacks += ", clock " + age(off) + " ahead"
			if off < 0 {
				lacks = strings.TrimSuffix(lacks, "clock "+age(off)+" ahead") + "clock " + age(-off) + " behind"
			}
		}
		if !peer.Reachable {
			lacks += phoneWords(peer.Phones)
		}
		p.line(whole(wrap("", fmt.Sprintf("%s %s; %s", pad(clean(peerName(peer)), 10), state, lacks), 11)))
	}
}

// peerName is what a peer is called; a node from before laptops had names of their own says none.
func peerName(p api.Peer) string {
	if p.Name == "" {
		return p.Responder
	}
	return p.Name
}

// versionCommand tells what this program is.
func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "which muster this is", GroupID: groupNode, Args: none,
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			return a.print(v, func(p *printer) { p.line("muster " + v.Version + " " + v.Go) })
		},
	}
}
