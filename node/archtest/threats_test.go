package archtest

import (
	"go/ast"
	"path"
	"regexp"
	"strings"
	"testing"
)

// threatTable is where it says which tests prove which promise about attackers.
const threatTable = "node/doc.go"

var (
	threatRow  = regexp.MustCompile(`^//\t(T\d+)\s`)
	threatTest = regexp.MustCompile(`\b([a-z]+)\.(Test\w+)`)
)

// threats are the rows that the table must have.
var threats = []string{"T1", "T2", "T3", "T4", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13", "T14", "T15"}

// Every promise about an attacker names the tests that prove it, and there are such tests.
func TestThreatsAreProven(t *testing.T) {
	tests := map[string]bool{} // package.Test
	for _, f := range readTree(t) {
		if f.ast == nil || !f.isTest() {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				tests[path.Base(f.pkg())+"."+fn.Name.Name] = true
			}
		}
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(readFile(t, threatTable).text)) {
		row := threatRow.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		named := threatTest.FindAllString(line, -1)
		rows[row[1]] = len(named) > 0
		for _, name := range named {
			if !tests[name] {
				t.Errorf("%s: %s: there is no %s", threatTable, row[1], name)
			}
		}
	}
	for _, want := range threats {
		if !rows[want] {
			t.Errorf("%s: no test is named for %s", threatTable, want)
		}
	}
}
