package planted

import (
	"testing"
	"testing/synctest"
)

func simulate(t *testing.T, f func(*testing.T)) { synctest.Test(t, f) }
