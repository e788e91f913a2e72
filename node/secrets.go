package node

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"muster/crdt"
	"muster/crdt/board"
	"muster/node/api"
)

// What is written on a board is on every member's disk within a second, and a redaction only asks the honest to forget it.
// So a text that looks like a key, a token or a password is not written before its author has said that it shall be. The
// check runs in the node, so that every way in has it, on every text of a write; it is a question and never a refusal,
// since what it knows are forms. Two sorts of forms:
//
//   - Those that issuers gave their secrets so that they can be found (secretForms), after the public lists of secret
//     scanners. They do not occur by accident.
//   - A value that is said to be a password or token, and a long word of mixed characters that nobody would make up
//     (secretValue, randomWord). What an incident is full of, such as hashes, trace ids, pod names, paths and versions, is
//     not one: it is of one case, or hexadecimal, or made of words.

// A secretForm is how one sort of secret looks.
type secretForm struct {
	what string // with its article
	form *regexp.Regexp
	ok   func(match []string) bool // a second look; nil: none needed
}

// secretForms are looked for in this order; the first that is found names the secret.
var secretForms = [...]secretForm{
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1[0-9A-Za-z]{20,}`), nil},
	{"an AWS access key", regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`), nil},
	{"a GitHub token", regexp.MustCompile(`\bgh[pousr]_[0-9A-Za-z]{20,}|\bgithub_pat_[0-9A-Za-z_]{22,}`), nil},
	{"a GitLab token", regexp.MustCompile(`\bgl(?:pat|dt|rt|cbt|ptt)-[0-9A-Za-z_-]{20,}`), nil},
	{"a Slack token", regexp.MustCompile(`\bxox[a-z]-[0-9A-Za-z-]{10,}|\bxapp-\d-[0-9A-Za-z-]{10,}|hooks\.slack\.com/(?:services|workflows)/T[0-9A-Za-z/]{16,}`), nil},
	{"a Stripe key", regexp.MustCompile(`\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}|\bwhsec_[0-9A-Za-z]{16,}`), nil},
	{"a Google key", regexp.MustCompile(`\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}`), nil},
	{"an API key", regexp.MustCompile(`\bsk-(?:[a-z]+-)*[0-9A-Za-z_]{20,}|\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}|\bnpm_[0-9A-Za-z]{36}|\bpypi-[0-9A-Za-z_-]{40,}|\bdo[opr]_v1_[0-9a-f]{64}|\bhv[sbr]\.[0-9A-Za-z_-]{20,}|\bdckr_pat_[0-9A-Za-z_-]{20,}`), nil},
	{"a JSON web token", regexp.MustCompile(`\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}`), nil},
	{"an invitation of this team", regexp.MustCompile(`\bmuster-[a-z2-7]{60,}`), nil},
	{"an address with a password in it", regexp.MustCompile(`\b[a-zA-Z][0-9a-zA-Z+.-]*://[^\s/:@?#]*:([^\s/@]+)@[^\s]`), func(m []string) bool { return !placeholderValue(m[1]) }},
	{"a login header", regexp.MustCompile(`(?i)\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token|digest)\s+([0-9a-z+/=._~-]{6,})`), func(m []string) bool { return !placeholderValue(m[1]) }},
	{"a login token", regexp.MustCompile(`(?i)\bbearer\s+([0-9a-z+/=._~-]{20,})`), func(m []string) bool { return mixed(m[1]) >= 2 }},
	{"a private key", regexp.MustCompile(`(?i)\bprivate[ _-]?key["']?\s*[:=]\s*["']?([0-9a-z+/=]{24,})`), func(m []string) bool { return mixed(m[1]) >= 2 }},
	{"a password", regexp.MustCompile(`(?i)(?:\b|_)(?:password|passwd|passphrase|passcode|pwd|pass)["']?\s*(?:=|:|\bis\b(?:\s+now\b)?)\s*["'` + "`" + `]?([^\s"'` + "`" + `]{6,})`), func(m []string) bool { return secretValue(m[1], 6) }},
	{"a token or key", regexp.MustCompile(`(?i)(?:\b|_)(?:token|secret|api[ _-]?key|access[ _-]?key|secret[ _-]?key|auth[ _-]?key|client[ _-]?secret)["']?\s*(?:=|:|\bis\b(?:\s+now\b)?)\s*["'` + "`" + `]?([^\s"'` + "`" + `]{8,})`), func(m []string) bool { return secretValue(m[1], 8) && !named.MatchString(m[1]) }},
}

var (
	// named is a name of something, such as that of the object which holds a secret: words and numbers with dashes or slashes.
	named = regexp.MustCompile(`^[a-z0-9]*(?:[-_./:][a-z0-9]+)+[,.;:)]*$`)
	// plainValue is what is said of passwords and tokens that is none: a version, a time, a size.
	plainValue = regexp.MustCompile(`^(?i:v?\d+(?:[.:]\d+)+\w?|\d+[a-z%]{0,4}|\d{4}-\d\d-\d\d\S*)$`)
	// longWord is what may be a random word.
	longWord = regexp.MustCompile(`[0-9A-Za-z+/_-]{24,}={0,2}`)
	hexWord  = regexp.MustCompile(`^(?:[0-9a-f-]+|[0-9A-F-]+)$`)
	address  = regexp.MustCompile(`\b[a-zA-Z][0-9a-zA-Z+.-]*://\S+`)
)

// Limits of the second sort.
const (
	randomWordMin = 24  // characters
	randomEntropy = 3.7 // bits a character, of the characters of one word; 24 different ones have 4.6
	randomTurns   = 0.4 // changes between lower case, upper case and digits, a character; random ones have 0.6, CamelCase 0.3
	randomDigits  = 2
	secretShown   = 4 // characters of a secret that its author is shown
)

// secretIn says what a text looks to hold that should not be read by everybody, and how that begins; empty: nothing.
func secretIn(text string) (what, start string) {
	for _, f := range secretForms {
		for _, m := range f.form.FindAllStringSubmatch(text, -1) {
			if f.ok == nil || f.ok(m) {
				return f.what, m[len(m)-1]
			}
		}
	}
	text = address.ReplaceAllString(text, " ") // the identifiers in links are long, and links are what notes are for
	for _, word := range longWord.FindAllString(text, -1) {
		if randomWord(word) {
			return "a key or a token", word
		}
	}
	return "", ""
}

// secretValue reports whether what somebody calls a password or a token could be one: of some length, of several sorts of
// characters, and neither a version nor something that stands for what is not said. "token: expired" and "password is
// wrong" are none.
func secretValue(v string, least int) bool {
	v = strings.TrimRight(v, ".,;:!?)")
	return len(v) >= least && mixed(v) >= 2 && !plainValue.MatchString(v) && !placeholderValue(v)
}

// placeholderValue reports whether a value stands for one that is not said: $PASSWORD, <token>, ****, xxxx.
func placeholderValue(v string) bool {
	v = strings.Trim(v, `"'`)
	if v == "" || strings.ContainsAny(v[:1], "$<{[%*") {
		return true
	}
	first := rune(v[0])
	if !strings.ContainsFunc(v, func(r rune) bool { return r != first && r != '.' }) { // xxxx, ...., ----
		return true
	}
	return slices.Contains([]string{"password", "passwd", "pass", "secret", "token", "redacted", "removed", "hidden", "changeme", "user"}, strings.ToLower(v))
}

// mixed counts the sorts of characters in a word: lower case, upper case after the first letter, digits, and others that
// are not what names are joined with.
func mixed(v string) int {
	var lower, upper, digit, other bool
	for i, r := range v {
		switch {
		case r >= 'a' && r <= 'z':
			lower = true
		case r >= 'A' && r <= 'Z':
			upper = upper || i > 0
		case r >= '0' && r <= '9':
			digit = true
		case !strings.ContainsRune("-_./:,", r):
			other = true
		}
	}
	n := 0
	for _, is := range []bool{lower || upper && strings.ToUpper(v) == v, upper && strings.ToUpper(v) != v, digit, other} {
		if is {
			n++
		}
	}
	return n
}

// randomWord reports whether a long word looks drawn at random: lower case, upper case and digits changing often, and no
// character much more common than the others. Paths and joined words are judged piece by piece.
func randomWord(word string) bool {
	if strings.Count(word, "/") > 3 || hexWord.MatchString(word) {
		return false
	}
	word = strings.TrimRight(word, "=")
	if pieces := strings.FieldsFunc(word, func(r rune) bool { return r == '-' || r == '_' || r == '/' }); len(pieces) > 3 {
		word = slices.MaxFunc(pieces, func(a, b string) int { return len(a) - len(b) })
	}
	if len(word) < randomWordMin || mixed(word) < 3 {
		return false
	}
	turns, digits, last := 0, 0, 0
	count := map[rune]int{}
	for _, r := range word {
		sort := 3
		switch {
		case r >= 'a' && r <= 'z':
			sort = 0
		case r >= 'A' && r <= 'Z':
			sort = 1
		case r >= '0' && r <= '9':
			sort = 2
			digits++
		}
		if sort != last {
			turns++
		}
		last = sort
		count[r]++
	}
	bits := 0.0
	for _, n := range count { // any order: summed, and compared with a margin
		p := float64(n) / float64(len(word))
		bits -= p * math.Log2(p)
	}
	return float64(turns) >= randomTurns*float64(len(word)) && digits >= randomDigits && bits >= randomEntropy
}

// textsOf returns everything in a write that somebody else will read.
func textsOf(in api.Write) []string {
	out := []string{in.Text, in.Reason, in.Topic, in.Value, in.Place, in.Resource, in.Ref, in.Subject}
	return slices.Concat(out, in.Items, in.Labels, in.Services)
}

// askSecret returns the question to put to somebody whose texts look to hold a secret; nil when they do not.
func askSecret(texts ...string) *api.Error {
	for _, text := range texts {
		what, start := secretIn(text)
		if what == "" {
			continue
		}
		e := api.Errorf(api.CodeConfirm,
			`nothing was written; for some only: muster note --sealed-to @bob "..."; --yes writes it for all, and muster redact takes a note back`,
			"this looks like %s", what)
		e.Question = fmt.Sprintf("%q looks like %s: write it for everybody in the team to read?", start[:min(len(start), secretShown)]+"...", what)
		return e
	}
	return nil
}

// checkSecret asks before a write that looks to hold a secret. Where the rules have a question of their own there is one
// question for both, since there is one yes; where they say no, that is said instead. It runs on the loop.
func (s *session) checkSecret(doc crdt.DocID, in api.Write, intent board.Intent) error {
	if in.Yes || len(in.SealTo) > 0 {
		return nil
	}
	ask := askSecret(textsOf(in)...)
	if ask == nil {
		return nil
	}
	if doc.IsZero() {
		return ask
	}
	err := s.wouldPropose(doc, intent)
	var rules *board.Problem
	switch {
	case err == nil:
		return ask
	case errors.As(err, &rules) && rules.Code == board.CodeConfirm:
		ask.Message += ", and " + rules.Message
		ask.Question = strings.TrimSuffix(rules.Question, "?") + "; and " + ask.Question
		return ask
	}
	return err
}

// wouldPropose says what the rules have against an intent, without writing anything.
func (s *session) wouldPropose(doc crdt.DocID, intent board.Intent) error {
	_, err := s.r.ProposeAll(s.n.now(), func(ctx board.CheckContext) ([]board.Placed, error) {
		if _, err := s.place(doc, intent, ctx); err != nil {
			return nil, err
		}
		return nil, errWould
	})
	if errors.Is(err, errWould) {
		return nil
	}
	return err
}

// errWould ends a proposal that is not meant to be made.
var errWould = errors.New("it would be written")
