//go:build race

package node

// The race detector makes a virtual hour of whole nodes cost minutes, so that under it the long stories are shorter:
// as many writes, in less time and on less history.
const (
	minutesApart = 6
	dayDivisor   = 12
	bulkHistory  = 5000
	middleTries  = 500 // of somebody between two laptops
)
