//go:build linux

package proc_test

func agentMain([]string) int { return 0 }
