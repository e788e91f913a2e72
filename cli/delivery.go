package cli

import (
	"fmt"
	"slices"
	"strings"

	"muster/node/api"
)

// heard says when somebody who cannot be reached gave the last sign of being there: "last heard 7m ago, via bob".
func heard(ms int64, via string, never bool) string {
	if never {
		return "never heard"
	}
	s := "last heard " + age(ms) + " ago"
	if via != "" {
		s += ", via " + clean(via)
	}
	return s
}

// unbroken stands for a space inside a number, which must stay on one line: somebody types it into a telephone.
const unbroken = "\u00a0"

// phoneWords is what to call: "; phone +44 20 7946 0018, or +44 7700 900123". The spaces inside the numbers are [unbroken]
// until [whole] prints the line.
func phoneWords(phones []string) string {
	if len(phones) == 0 {
		return ""
	}
	kept := make([]string, len(phones))
	for i, p := range phones {
		kept[i] = strings.ReplaceAll(clean(p), " ", unbroken)
	}
	return "; phone " + strings.Join(kept, ", or ")
}

// whole gives the numbers in a line their spaces back.
func whole(line string) string { return strings.ReplaceAll(line, unbroken, " ") }

// undelivered says whom an order has not reached and what to do about it.
func undelivered(m api.Missing) string {
	return fmt.Sprintf("to %s (%s)%s", clean(m.Responder), heard(m.HeardMS, m.Via, m.Never), phoneWords(m.Phones))
}

// printUndelivered names those an order has not reached, the most recently heard first, at most [missingMax].
func printUndelivered(p *printer, head string, missing []api.Missing) {
	for i, m := range missing {
		if i == missingMax {
			p.line(head + p.loud("NOT DELIVERED") + fmt.Sprintf(" to %d more", len(missing)-i))
			return
		}
		p.line(whole(wrap(head, p.loud("NOT DELIVERED")+" "+undelivered(m), len(head)+2)))
	}
}

// printOrder says beside a task how far the order has come with those who have not answered it.
func printOrder(p *printer, t api.Task) {
	if t.Delivery == nil {
		return
	}
	if to := t.Delivery.DeliveredTo; len(to) > 0 {
		p.line(wrap("      ", "delivered to "+clean(strings.Join(to, ", "))+", no answer yet", 8))
	}
	printUndelivered(p, "      ", t.Delivery.Missing)
}

// printAddressed says of those a write is addressed to that they have not got it.
func printAddressed(p *printer, r api.Receipt) {
	printUndelivered(p, "", slices.DeleteFunc(slices.Clone(r.Delivery.Missing), func(m api.Missing) bool {
		return !slices.Contains(r.To, m.Responder)
	}))
}
