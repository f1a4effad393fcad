// Package faults does harm to real processes and judges what became of the
// work: parts are killed at random moments, leaders held and killed under load,
// connections cut, slowed down and reset. docs/architecture/faults.md tells
// about the campaigns and how to run their long forms.
//
// Everything is driven by a seed, which every campaign prints with the command
// that repeats it; but processes and disks have a time of their own, so that a
// repetition is like the first run, not the same. What has to be repeatable to
// the letter is looked for in the simulation (test/sim).
//
// The judge is test/sim/oracle, which reads what everybody can read: the event
// stream, the history, what the jobs have written.
package faults
