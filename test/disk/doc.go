// Package disk tries what the parts do when their disk fails them: every call
// in turn, a flipped bit in every file, no space, and whether anything is left
// over after many orders.
//
// It knows the built program, its files and its command line; where a part
// takes a file system of its own, it runs inside the test. Without -long a
// sample is tried, `make disk` tries all. docs/operations/disk.md is the page
// that these tests hold true.
package disk
