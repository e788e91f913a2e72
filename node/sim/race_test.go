//go:build race

package sim

// usualSeeds is how many seeds a plain test runs: the race detector makes each ten times as long and, in a package
// without goroutines, has little to find.
const usualSeeds = 50
