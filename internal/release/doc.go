// Package release is the list of documents that one signature covers: what a
// release manifest says, how its text is made and read, and how a document's
// evidence names the release that it came with.
//
// It must not verify signatures (that is package trust) and must not decide
// which release is in force (that is package engine): it only knows the text.
// The format is specified in docs/formats/release.md. The engine, the guard,
// the Cockpit and the command line use it.
package release
