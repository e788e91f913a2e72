package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"muster/node/api"
)

// A printer writes lines and keeps the first error, so that a page of output checks it once.
type printer struct {
	w     io.Writer
	color bool
	err   error
}

func (p *printer) text(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, s)
	}
}

func (p *printer) line(s string) { p.text(s + "\n") }

func (p *printer) linef(format string, args ...any) { p.line(fmt.Sprintf(format, args...)) }

// loud makes a word stand out where colour is shown; the word itself says what is wrong.
func (p *printer) loud(s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[1;31m" + s + "\x1b[0m"
}

// strong makes the words that are read out stand out where colour is shown.
func (p *printer) strong(s string) string {
	if !p.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// print writes v in the form that was asked for: text by calling page, json as one document, jsonl as one line for each
// element of a list.
func (a *app) print(v any, page func(*printer)) error {
	switch a.set.output {
	case outJSON:
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	case outJSONL:
		enc := json.NewEncoder(a.Out)
		list := reflect.ValueOf(v)
		if list.Kind() != reflect.Slice {
			return enc.Encode(v)
		}
		for i := range list.Len() {
			if err := enc.Encode(list.Index(i).Interface()); err != nil {
				return err
			}
		}
		return nil
	}
	p := &printer{w: a.Out, color: a.color}
	page(p)
	return p.err
}

// note tells the person something beside the answer, on the error stream. It says nothing to scripts.
func (a *app) note(format string, args ...any) error {
	if a.set.output != outText {
		return nil
	}
	p := &printer{w: a.Err}
	p.line(clean(fmt.Sprintf(format, args...)))
	return p.err
}

// receipt prints what a write did and who has it, and sets the exit code.
func (a *app) receipt(r api.Receipt) error {
	if d := r.Delivery; d.Known > 0 && d.Delivered == 0 {
		a.code = exitUndelivered
	}
	return a.print(r, func(p *printer) { printReceipt(p, r) })
}

func printReceipt(p *printer, r api.Receipt) {
	head := nameOf(r.Incident, r.Drill) + ": "
	if r.Incident == "" {
		head = ""
	}
	p.line(wrap(head, made(r), 2))
	for _, n := range r.Notes {
		p.line(wrap("  ", clean(n), 2))
	}
	p.line(delivery(r.Delivery))
	printAddressed(p, r)
	if r.Settle > 0 {
		p.linef("%s to settle: muster conflicts", p.loud(fmt.Sprint(r.Settle)))
	}
}

// made is what a write did, beginning with the id that people will type.
func made(r api.Receipt) string {
	if r.ID == "" || r.ID == r.Incident || strings.HasPrefix(r.Text, r.ID) {
		return clean(r.Text)
	}
	return clean(r.ID + " " + r.Text)
}

// missingMax is how many of the people who lack an operation are named; the rest is counted.
const missingMax = 8

// delivery writes who has an operation: "delivered 3/5; not: dave 7m, erin never".
func delivery(d api.Delivery) string {
	if d.Known == 0 {
		return "saved here; you are alone in this team"
	}
	line := fmt.Sprintf("delivered %d/%d", d.Delivered, d.Known)
	if len(d.Missing) == 0 {
		return line
	}
	return line + "; not: " + missing(d)
}

// missing names who is not known to have an operation, and when and through whom they were last heard: "dave 7m via bob,
// erin never".
func missing(d api.Delivery) string {
	var names []string
	for i, m := range d.Missing {
		if i == missingMax {
			names = append(names, fmt.Sprintf("%d more", len(d.Missing)-i))
			break
		}
		heard := age(m.HeardMS)
		if m.Never {
			heard = "never"
		}
		if m.Via != "" {
			heard += " via " + clean(m.Via)
		}
		names = append(names, clean(m.Responder)+" "+heard)
	}
	return strings.Join(names, ", ")
}

// now is the moment that ages in the output refer to.
func now() time.Time { return time.Now() }
