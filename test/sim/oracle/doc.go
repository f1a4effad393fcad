// Package oracle tells from outside whether an installation lost or doubled
// anything. It reads what everybody can read: the events of the Controller (and
// of Agents, where they are at hand), what readers of those streams got, what
// clients asked for and were told, the rows of the Cockpit's history, and the
// traces that processes left. It has a small model of its own of orders, jobs
// and documents, written from docs/architecture/engine.md, and uses of the
// product only the types of events and how they are read.
//
// The package must not import anything that decides (the engine's machines) or
// keep a clock, a network or goroutines. test/sim calls it for every event as
// it is committed, test/faults with what real processes printed.
//
//	s := oracle.NewStream(oracle.Options{})
//	e := oracle.NewEffects(s)
//	c := oracle.NewCommands(s)
//	r := s.Reader("cockpit", 0)
//
//	// simulation                         // real processes
//	err := s.Event(&stamped)              err := s.Line(line)   // of "signet events"
//	err = s.AgentEvent("agent-1", &st)    err = s.AgentLine("agent-1", line)
//	err = r.Event(&stamped)               err = r.Line(line)
//	err = e.Started(process)              err = e.Line(line)    // of the side-effect file
//	n := c.Sent(oracle.Call{ID: "c-1", Kind: oracle.Add, Order: "O-1", At: now})
//	c.Answered(n, now, oracle.Done)
//	...
//	findings := s.End(oracle.End{Acknowledged: ids, Effects: e, Commands: c})
//
// Everything that is wrong is a *Finding: which invariant, which rule, which
// order, which events, and the story of the order. Methods that take something
// return the first new one as an error; all of them are kept.
//
// # Invariants
//
//  1. Every acknowledged command is in the stream exactly once, another one at
//     most once; what clients saw is linearizable.
//  2. Every order lives a legal life, ends once, and nothing follows its end.
//  3. Per order, position and try at most one process starts that wasn't told
//     to be lost before the next one starts.
//  4. No process without a committed start, none of a document that its Agent
//     didn't trust at that moment.
//  5. The Controller's stream has everything of each Agent's, once and in order.
//  6. Event ids rise; what a reader got is a piece of the stream, without gap
//     and doubling, whichever member it read from.
//  7. A job never has more processes than its limit.
//  8. The Cockpit's history is the fold of the stream.
//  9. When all is at rest, every order that can go on has done so.
//
// DESIGN.md has the rules behind each.
package oracle
