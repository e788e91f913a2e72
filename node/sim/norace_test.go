//go:build !race

package sim

// usualSeeds is how many seeds a plain test runs.
const usualSeeds = 500
