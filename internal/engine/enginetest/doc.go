// Package enginetest runs a Controller machine, Agent machines and made-up jobs
// in one goroutine: a whole installation without network, disk, clock and
// processes. Tests of engine use it, and whoever wants to see what orders do.
//
// It carries out what Take returns as the shells do: documents first, then
// orders, in numbered batches; the Agents' events are taken over; processes end
// as their script says. Crashes, cut connections, lost leaderships and
// distrusted signers are at the test's command.
package enginetest
