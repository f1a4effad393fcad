// Package proc starts, watches and kills the processes of jobs, and knows
// afterwards how each one ended.
//
// It owns processes, their cgroups and everything that tells one process tree
// from another. It must not know orders, jobs, logs of tasks or the network: a
// caller hands over an argument list, an environment and two descriptors to
// write to. The Agent calls it, always through the interface Owner, so that
// jobs can later belong to a process that outlives the Agent. Today they end
// with it.
//
// There are two owners with one suite of tests (package proctest): NewInProcess
// forks by itself and is for tests, StartStarter lets a small starter process
// fork. The Agent uses the latter, because a fork copies the table of open
// descriptors, and an Agent has many, a starter next to none.
//
// DESIGN.md lists the invariants. This package runs on Linux; elsewhere its
// constructors answer that it doesn't.
package proc
