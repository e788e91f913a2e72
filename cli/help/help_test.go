package help

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTopics: every file is a topic, every topic a file, and a page fits the narrowest terminal.
func TestTopics(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	topics := Topics()
	if len(entries) != len(topics) {
		t.Errorf("%d files, %d topics", len(entries), len(topics))
	}
	for _, topic := range topics {
		text, ok := Text(topic.Name)
		if !ok || !strings.HasPrefix(text, "# "+topic.Title+"\n\n") || !strings.HasSuffix(text, "\n") {
			t.Errorf("%s: not a page with a title", topic.Name)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", topic.Name, n, line)
			}
		}
	}
	for _, name := range []string{"", "x", "../help", "files.md"} {
		if _, ok := Text(name); ok {
			t.Errorf("%q is a topic", name)
		}
	}
}
