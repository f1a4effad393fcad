// Package postgres is the engine of the Cockpit's database for installations that
// have outgrown one machine: PostgreSQL, which several Cockpits may share.
//
// It owns the connections, migrations, what Cockpits tell each other through the
// database, and the way from PostgreSQL's errors to ours. It must not decide what
// is kept (package store does), nor how (package rows does). The Cockpit opens
// it. DESIGN.md has the invariants.
package postgres
