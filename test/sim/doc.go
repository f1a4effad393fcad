// Package sim runs a whole Signet cluster from a seed, in one goroutine: a group
// of Controllers, Agents with made-up jobs, a Cockpit that keeps history, clients,
// their disks, clocks and the network between them, with everything going wrong
// that may go wrong. It drives the product's own code: consensus by
// consensus.Stepper, the machines by ledger.Machine, the hand-over by
// handover.Link; only goroutines, connections and processes are played.
//
// It must not decide what is right about orders by itself: test/sim/oracle does,
// from outside. What only an insider sees (states of members, digests, logs) is
// compared here. Tests and the program in test/sim/simulate call Run.
// docs/architecture/simulation.md tells what is simulated and what it has found.
package sim
