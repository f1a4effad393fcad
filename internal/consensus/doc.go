// Package consensus turns commands into a durable, ordered event log: it has
// a Machine decide commands in batches, makes what was decided one log entry,
// and lets replies leave when the entry is committed. It comes in two forms
// behind the one interface Node: a member of a Raft group (StartGroup), and a
// log of its own (StartLocal).
//
// It owns the commit pipeline, the Raft library, recovery, snapshots and the
// retention of entries that readers need. It must not know what commands,
// events and states are, nor how messages travel (Transport). The Controller's
// and the Agent's shells call it. DESIGN.md lists the invariants.
package consensus
