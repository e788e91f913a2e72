package cli

import (
	"strings"

	"muster/node/api"
)

// sealedFlag is --sealed-to: handles with commas between, with or without @. It may be given several times.
type sealedFlag struct{ to *[]string }

func (f sealedFlag) String() string { return "" }
func (f sealedFlag) Type() string   { return "@WHO,..." }

func (f sealedFlag) Set(s string) error {
	for _, who := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !handlePattern.MatchString("@" + strings.TrimPrefix(who, "@")) {
			return api.Errorf(api.CodeUsage, "", "%q names nobody", who)
		}
		*f.to = append(*f.to, strings.TrimPrefix(who, "@"))
	}
	if len(*f.to) == 0 {
		return api.Errorf(api.CodeUsage, `muster note --sealed-to @bob "text"`, "for whom?")
	}
	return nil
}

// sealedText is the text of a note, with for whom it is where it can be read here: nobody should repeat it aloud.
func sealedText(n *api.Note) string {
	if len(n.SealedFor) == 0 || n.Unreadable {
		return clean(n.Text)
	}
	return "[sealed for " + clean(strings.Join(n.SealedFor, ", ")) + "] " + clean(n.Text)
}
