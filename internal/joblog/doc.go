// Package joblog keeps the output of jobs: one file per task, into which two
// pipes flow, with stdout, stderr, time and cuts marked.
//
// It owns the pipes' read ends, the file and its format (see
// docs/formats/task-log.md), and the notice to those who follow a log. It must
// not know orders, Agents or processes, so that it can move into a process of
// its own later; whoever starts a process gives it the write ends. The Agent calls
// it, and whoever shows a log.
//
// A job costs what it writes. One that ends within a moment is read when it has
// ended, by who ends it; one that waits costs two descriptors and no goroutine.
// Memory is bounded: a buffer of 64 KiB per reader, and only while it reads. What
// a job writes beyond the limit of its file is read, counted and dropped, except
// for the last 64 KiB.
//
// Output is captured on Linux only; logs can be read everywhere.
package joblog
