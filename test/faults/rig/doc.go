// Package rig plays whole installations for tests that do them harm: `signet
// dev` on a folder of its own, from the built program, whose parts can be
// killed, held and let go by process id.
//
// It owns starting, watching and ending these processes, and asking them things
// as users do; what is done to them and how it is judged is its callers' matter
// (test/faults, test/disk). It is used by tests only.
//
// Nothing that a Rig has started outlives it: its processes die with the thread
// that has started them, which ends with the test's process, whatever it dies
// of; jobs die with their Agent's starter; and Close looks for what is left.
package rig
