// Package handover is the Controller's side of handing orders over: what is to
// be done at each Agent (Board), and how one connection does it (Link): in
// numbered batches of commands one way, and with the Agent's events taken over
// and confirmed the other way.
//
// It has no goroutines, timers and network: the Controller's shell brings those,
// and so does the simulation of a whole installation. It decides nothing about
// orders; the engine does.
package handover
