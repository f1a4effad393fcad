// Package journal is the event log on disk: checksummed records in
// preallocated segment files, the newest snapshot beside them, and a manifest
// that names what belongs to the log.
//
// It owns the formats of docs/formats/journal.md and snapshot-container.md,
// recovery (a torn tail is cut, damage anywhere else is an error that names
// file and offset), and the deletion of what nobody needs. It must not know
// Raft, events or commands: entries are bytes with an index, a term and a
// number. Package consensus is its only caller. DESIGN.md lists the invariants.
package journal
