// Package sqlite is the engine of the Cockpit's database that is built in: one
// file, SQLite in WAL mode, written by one connection.
//
// It owns the file, migrations and the way from SQLite's errors to ours. It must not
// decide what is kept (package store does), nor how (package rows does). The
// Cockpit opens it.
//
// A commit is synced to disk before Write returns, as the Cockpit confirms events
// to the Controller only then. Waiting writers share a commit.
package sqlite
