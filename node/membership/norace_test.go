//go:build !race

package membership

import "time"

// apart is how long the long partition lasts.
const apart = time.Hour

// sightings is how many made-up ones a flood of them is.
const sightings = 100_000
