package planted

import (
	"path/filepath"
	"testing"
	"time"
)

func TestWaits(t *testing.T) {
	if testing.Short() { // want `testing.Short`
		t.Skip("slow") // want `a skipped test`
	}
	t.Skipf("%d", 1) // want `a skipped test`
	t.SkipNow()      // want `a skipped test`
	time.Sleep(1)    // want `time.Sleep`
	time.AfterFunc(1, func() {})
	_ = filepath.SkipDir
}

func BenchmarkWaits(b *testing.B) {
	b.Skip() // want `a skipped test`
}
