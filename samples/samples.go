// Package samples holds the workflows that `signet dev` deploys at its first
// start, so that there is something to look at and to try.
//
// It owns the files and nothing else; package app deploys them through the API
// as a user would. They are plain object files: `signet validate samples/samples`
// checks them.
package samples

import (
	"embed"
	"io/fs"
)

// First is the path of the workflow of which an order is run, and FirstOrder the
// id of that order.
const (
	First      = "samples/hello"
	FirstOrder = "hello-1"
)

//go:embed samples
var files embed.FS

// Source is where the files are read from.
type Source struct{ embed.FS }

// Lstat tells about a file.
func (s Source) Lstat(name string) (fs.FileInfo, error) { return fs.Stat(s.FS, name) }

// Files returns the object files; the folder "." becomes the root of their paths.
func Files() Source { return Source{files} }
