// Package archtest keeps, as ordinary tests, the rules about the shape of the code: who may import whom, what the pure
// packages may not do, which package owns which library, and the habits a reader may rely on everywhere. It has no code
// of its own; its tests read the source of the module they are in.
//
//   - tables_test.go states the rules that are lists. A new package, library or arrow between packages is a decision,
//     and is made there.
//   - imports_test.go, pure_test.go, globals_test.go and text_test.go each hold rules of one sort, as functions from
//     source to findings.
//   - planted_test.go runs the same functions on source that breaks every rule, so that one that can no longer fail is
//     noticed.
//
// Imports are read from every file, whatever system it is for; types are needed only for the rules on pure packages and
// package variables, and are loaded once.
package archtest
