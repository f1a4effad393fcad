// Package engine owns the decisions: what follows from a command, from an
// Agent's news, from the end of a process or from the passing of time.
//
// It holds two machines built from the same order logic, Controller and Agent.
// A machine is a plain value owned by one goroutine, with two ways in:
//
//   - Submit decides on a command, applies what it decided, lets every order
//     that was touched take its next steps until none can move, and returns
//     the reply. A refusal changes nothing and makes no event.
//   - Apply folds one event; it never decides. Replay, followers and Submit
//     itself use it, so State = fold(events).
//
// The moment, random values and verification results come in from outside;
// nothing else does. There is no I/O, no clock, no goroutine and no effect of
// the order of maps in here.
//
// What must be done to the world follows from the state of an order: ToDo tells
// it for one order, Pending for all. While running, Take hands out the orders
// touched by a batch as they stood at its end, so that the shell around the
// machine (controller, agent) does nothing before the batch is committed.
package engine
