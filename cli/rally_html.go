package cli

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"rsc.io/qr"
)

// rallyTemplate is the page for a browser: one file that asks the network for nothing, and prints on A4. The browser makes
// the PDF.
var rallyTemplate = template.Must(template.New("rally").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>muster rally page, team {{.Team}}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
@page { size: A4; margin: 14mm }
body { font: 10.5pt/1.35 sans-serif; color: #000; background: #fff; max-width: 182mm; margin: 0 auto }
header { display: flex; justify-content: space-between; border-bottom: 2pt solid; margin-bottom: 3mm }
h1 { font-size: 15pt; margin: 0 } h2 { font-size: 11pt; margin: 4mm 0 1mm }
table { width: 100%; border-collapse: collapse } td { vertical-align: top; padding: .6mm 2mm .6mm 0; border-bottom: .3pt solid #999 }
tr, .whole { break-inside: avoid } thead { display: table-header-group }
code { font: 9.5pt monospace; background: #eee; padding: 0 1mm } .code { word-break: break-all; background: none }
.words { font: 9.5pt monospace; white-space: nowrap } .line { border-bottom: .5pt solid; height: 9mm }
ol { margin: 0; padding-left: 6mm } svg { width: 48mm; height: 48mm } .invite { display: flex; gap: 6mm; align-items: center }
</style></head><body>
<header><h1>muster rally page: {{.Team}}</h1><div>{{.Date}} by {{.By}}</div></header>
<h2>Where to look</h2>
<p>UDP port {{.Port}} unless another stands here.</p>
<table>{{range .Places}}<tr><td>{{.Device}}</td><td class="words">{{range .Addrs}}{{.}} {{end}}</td></tr>{{end}}</table>
<h2>How to find each other again</h2>
<ol>{{range .Steps}}<li>{{.}}</li>{{end}}</ol>
<p>{{.Stolen}}</p>
<h2>People</h2>
<table>{{range .People}}<tr><td><b>@{{.Handle}}</b><br>{{.Role}}</td><td>{{.Name}}<br>{{range .Phones}}{{.}}<br>{{else}}telephone ____________{{end}}</td>
<td>{{range .Devices}}{{.Name}}<br><span class="words">{{.Words}}</span><br>{{end}}</td></tr>{{end}}</table>
<div class="whole"><h2>Invitation</h2>
{{if .Code}}<p>For {{.Uses}}. Whoever holds this page can join.</p>
<div class="invite">{{.QR}}<p>Scan it, or type <code>muster join</code> and<br><code class="code">{{.Code}}</code></p></div>
{{else}}<p><code>muster invite --code</code> makes one. Who reads it here can join.</p><div class="line"></div><div class="line"></div>{{end}}</div>
<p>{{.Keep}}</p>
</body></html>
`))

// rallyHTML writes the page for a browser.
func rallyHTML(w io.Writer, page rallyPage) error {
	type person struct {
		Handle, Role, Name string
		Phones             []string
		Devices            any
	}
	in := struct {
		Team, Date, By, Keep, Code, Uses string
		Port                             int
		Places                           any
		Steps                            []template.HTML
		Stolen, QR                       template.HTML
		People                           []person
	}{
		Team: clean(page.Team), Date: rallyDate(page.MadeMS), By: clean(page.By), Keep: rallyKeep, Code: page.code,
		Uses: count(page.uses, "laptop"), Port: page.Port, Places: page.Places, Stolen: typedHTML(rallyStolen),
	}
	for _, s := range rallySteps(page.Port) {
		in.Steps = append(in.Steps, typedHTML(s))
	}
	for _, p := range page.People {
		in.People = append(in.People, person{p.Handle, p.Role, spokenName(p), p.Phones, p.Devices})
	}
	if page.code != "" {
		qr, err := qrSVG(page.code)
		if err == nil { // what does not fit a QR code is typed
			in.QR = template.HTML(qr)
		}
	}
	return rallyTemplate.Execute(w, in)
}

// typedHTML marks up what is typed in a text of our own.
func typedHTML(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// qrSVG draws a QR code.
func qrSVG(text string) (string, error) {
	c, err := qr.Encode(qrText(text), qr.M) // room for some of it to be unreadable: paper gets wet
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %[1]d" shape-rendering="crispEdges"><path d="`, c.Size+2*qrQuiet)
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+qrQuiet, y+qrQuiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.String(), nil
}
