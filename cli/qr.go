package cli

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

const (
	qrQuiet    = 4    // modules of margin that a reader needs, on each side
	qrBytesMax = 2900 // of what fits the largest code, and no terminal
)

// qrLines draws text as a QR code, two rows of modules to a line of text, with the margin around it. Without ascii the
// light modules are the ones drawn, as on a dark terminal; ascii draws the dark ones, two characters each and a line for
// each row, for paper.
func qrLines(text string, ascii bool) ([]string, error) {
	c, err := qr.Encode(text, qr.L)
	if err != nil {
		return nil, fmt.Errorf("draw the code: %w", err)
	}
	from, to := -qrQuiet, c.Size+qrQuiet
	var out []string
	if ascii {
		for y := from; y < to; y++ {
			out = append(out, qrRow(from, to, func(x int) string { return map[bool]string{true: "##", false: "  "}[c.Black(x, y)] }))
		}
		return out, nil
	}
	for y := from; y < to; y += 2 {
		out = append(out, qrRow(from, to, func(x int) string {
			upper, lower := !c.Black(x, y), !c.Black(x, y+1) // what is outside is light
			switch {
			case upper && lower:
				return "█"
			case upper:
				return "▀"
			case lower:
				return "▄"
			}
			return " "
		}))
	}
	return out, nil
}

func qrRow(from, to int, module func(x int) string) string {
	var b strings.Builder
	for x := from; x < to; x++ {
		b.WriteString(module(x))
	}
	return b.String()
}

// qrText is text in the form that takes the smallest code, for what may be typed in any case: letters are capitals.
func qrText(code string) string { return strings.ToUpper(code) }
