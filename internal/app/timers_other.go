//go:build !linux

package app

// gatherTimers is for Linux.
func gatherTimers() {}
