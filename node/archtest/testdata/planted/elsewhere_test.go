package planted

import (
	"testing"
	"time"
)

func TestElsewhere(t *testing.T) {
	simulate(t, func(*testing.T) { time.Sleep(time.Hour) })
}
