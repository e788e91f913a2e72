// Package cli is the command line of muster: the command tree, its grammar, output, exit codes and configuration.
//
// It promises the contract that scripts build on. Every verb takes --dir, -o text|json|jsonl, -i and -y. Every write
// prints what it did, to which incident, and who is known to have it. Errors are two lines on the error stream, "muster:
// what" and "hint: what to do", or with -o json one JSON object. Exit codes: 0 ok, 1 failed, 2 usage, 3 saved here but
// delivered to no one yet, 4 a human must settle or confirm, 5 no node runs here.
//
// A verb does nothing but turn words into one call of [muster/node/api.Service] and its answer into text: whatever the
// command line can do, anything else that speaks the same interface can. The one file that knows package node is up.go;
// all other verbs reach the node through its socket and start it in the background when none runs.
//
// Text that other people wrote is cleaned of control characters before it reaches a terminal.
package cli
