//go:build race

package campaign

// racing tells that the race detector watches.
const racing = true
