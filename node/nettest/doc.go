// Package nettest tests the muster program on real networks: the built binary, one process a node, each in a network
// namespace of its own, joined by a bridge. It owns the cables and the cuts; what the nodes promise is in the tests.
//
// The hosts have IPv6 link-local addresses and nothing else unless a test says so: no IPv4, no default route, no name
// server. Cuts are made in the bridge, so that a node sees what it would see of a broken switch: silence.
//
// A sniffer (tap_test.go) keeps every frame of a namespace, and what a stranger can read in it is compared with what he may
// (leak_test.go); a machine in the middle (middle_test.go) is the only way between two hosts and ends their connections
// with a key of its own.
//
// The tests need root and the Debian packages iproute2, nftables, iputils-ping, avahi-daemon and avahi-utils, and are
// built with the tag netns only ("make test-net"). They remove every namespace and end every process they made, also
// after a failure; what a killed run left behind is removed by the next one.
//
// It promises that a limit in a test is the one promised to people, measured on the wall clock from the event to the
// moment at which every node says so itself. It imports nothing of the node but the client of its local API.
package nettest
