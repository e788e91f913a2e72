//go:build race

package membership

import "time"

// apart is how long the long partition lasts: thousands of handshakes cost the race detector a minute.
const apart = 5 * time.Minute

// sightings is how many made-up ones a flood of them is.
const sightings = 10_000
