package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestCleanDisarmsTerminals: what others write cannot move the cursor, set titles or reverse what stands beside it.
func TestCleanDisarmsTerminals(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünïcode ⇄ 漢字":    "plain, ünïcode ⇄ 漢字",
		"\x1b[2Jgone":            "?[2Jgone",
		"\x1b]0;title\a":         "?]0;title?",
		"two\nlines\tand\r more": "two lines and  more",
		"abc\u202edef":           "abc?def",
		"c1 \u009b31m":           "c1 ?31m",
		"not utf8 \xff\xfe":      "not utf8 ?",
		"null \x00 delete \x7f":  "null ? delete ?",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestWrapKeepsEveryWord: lines fit the narrowest terminal unless one word does not, and no word is lost or reordered.
func TestWrapKeepsEveryWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-zä]{1,30}`), 0, 40).Draw(t, "words")
		gap := rapid.StringMatching(` {1,3}`).Draw(t, "gap")
		head := rapid.StringMatching(`[a-z]{0,20} `).Draw(t, "head")
		got := wrap(head, strings.Join(words, gap), 6)
		if want := append(strings.Fields(head), words...); strings.Join(strings.Fields(got), " ") != strings.Join(want, " ") {
			t.Fatalf("words changed:\n%s", got)
		}
		for i, line := range strings.Split(got, "\n") {
			if utf8.RuneCountInString(line) > columns || strings.HasSuffix(line, " ") {
				t.Fatalf("line %d is %d columns: %q", i, utf8.RuneCountInString(line), line)
			}
			if i > 0 && !strings.HasPrefix(line, "      ") {
				t.Fatalf("line %d is not indented: %q", i, line)
			}
		}
	})
	long := strings.Repeat("x", 200)
	if got := wrap("id ", long+" tail", 2); got != "id "+long+"\n  tail" {
		t.Errorf("a long word: %q", got)
	}
	if got := wrap("a ", "b    c", 0); got != "a b    c" {
		t.Errorf("a gap: %q", got)
	}
}

func TestTimesAsPeopleSayThem(t *testing.T) {
	for ms, want := range map[int64]string{0: "0s", 40_000: "40s", 59_999: "59s", 420_000: "7m", 3_600_000: "1h", 47 * 3_600_000: "47h", 48 * 3_600_000: "2d", -420_000: "-7m"} {
		if got := age(ms); got != want {
			t.Errorf("age(%d) = %s, want %s", ms, got, want)
		}
	}
	for ms, want := range map[int64]string{30_000: "30s", 42 * 60_000: "42m", 102 * 60_000: "1h42", 60 * 60_000: "1h00", 50 * 3_600_000: "2d"} {
		if got := stint(ms); got != want {
			t.Errorf("stint(%d) = %s, want %s", ms, got, want)
		}
	}
	now := time.Date(2026, 3, 1, 3, 12, 0, 0, time.FixedZone("x", 3600))
	for at, want := range map[time.Time]string{
		now.Add(-time.Hour):      "01:12Z",
		now.Add(-4 * time.Hour):  "Feb 28 22:12Z",
		now.AddDate(1, 0, 0):     "Mar 1 02:12Z",
		now.Add(20 * time.Hour):  "22:12Z",
		now.Add(-12 * time.Hour): "Feb 28 14:12Z",
	} {
		if got := clock(at.UnixMilli(), now); got != want {
			t.Errorf("clock(%v) = %s, want %s", at, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{{"short", 10, "short"}, {"exactly", 7, "exactly"}, {"a longer text", 10, "a longe..."}, {"ab cd", 4, "a..."}, {"äöüß", 3, "äöü"}, {"x", 0, ""}, {"x", -3, ""}} {
		if got := cut(c.s, c.n); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.s, c.n, got, c.want)
		}
	}
}
