// Package bounds floods a real node, in a process of its own with GOMEMLIMIT=256MiB, as an outsider and as a member
// whose laptop was taken over, and measures what an honest person then feels: how long a write takes, and how much memory
// the node needs. The member is a real device of the team with a real connection; what it sends is as well-formed as
// the flood needs to get past each check before the one it is meant for.
//
// It promises nothing to other packages: it holds tests only, for Linux, where /proc says what a process needs. "make
// bounds" runs them for longer and prints the figures.
package bounds
