package node

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"muster/node/api"
)

// TestRestartedNodeIsBack: a node that ends and starts on the same address with the same disk is one of the group again
// within two seconds, and has missed nothing. Its address book survives, so it does not have to wait to be found.
func TestRestartedNodeIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		b.halt(2)
		b.write(0, api.Write{Verb: "note", Text: "while p2 was away"})
		b.boot(2)
		t.Logf("back after %v", b.await(2*time.Second, "p2 is back", b.equal))
		b.showsAlike()
		b.stop()
	})
}

// TestRestartedWithoutAddressBook: a node whose address book is gone knows nobody's address. The others dial it where
// they last met it, so that it is back all the same.
func TestRestartedWithoutAddressBook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := team(t, 3)
		b.declare()
		n := b.nodes[2]
		b.halt(2)
		if err := os.Remove(n.home.book(n.team)); err != nil {
			t.Error(err)
		}
		b.write(0, api.Write{Verb: "note", Text: "while p2 was away"})
		b.boot(2)
		t.Logf("back after %v", b.await(merge, "p2 is back", b.equal))
		b.showsAlike()
		b.stop()
	})
}
