// Package house holds the tests of the house rules: which package may import
// which, what is forbidden where, that every package and page is as a reader
// may expect, and that nothing was left behind.
//
// It owns the tables of rooms (rooms.go), modules (modules.go) and forbidden
// uses (uses.go); each row carries its reason, which is what a failing test
// prints. It reads sources and never runs them: a parser sees the files of all
// platforms and build tags, and packages that don't compile at the moment. It is
// run by go test and, without the other tests, by `make check`. Nothing imports
// it.
package house
