//go:build !race

package membership

import "time"

// apart is how long the long partition lasts.
const apart = time.Hour
