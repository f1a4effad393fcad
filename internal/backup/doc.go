// Package backup owns what a backup is made of: the manifest, the file that
// holds all parts (docs/formats/backup.md), and the stream by which parts come
// from a running installation.
//
// It must not know what is in a part, nor where parts belong. Controller and
// Cockpit send parts, the command line writes the file, and app restores it.
package backup
