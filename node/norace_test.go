//go:build !race

package node

const (
	minutesApart = 60     // of the long partition
	dayDivisor   = 1      // by which the day of three partitions is shorter
	bulkHistory  = 20_000 // operations fetched while somebody joins
	middleTries  = 10_000 // of somebody between two laptops
)
