// Package web holds the pages that browsers are served, as built by Vite.
//
// It owns the embedded files and nothing else; the Cockpit serves them. A program
// that was built without them (dist holds only its placeholder) says so instead of
// a page.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the built files, with index.html at the top.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return dist // "dist" is a valid name: it never comes to this
	}
	return files
}
