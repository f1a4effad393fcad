package gitsource

import "strings"

// Attacked tells whether data bears the marks of an attack on SHA-1.
func Attacked(data []byte) bool {
	h := hashOf(strings.Repeat("0", 2*sizeSHA1))
	h.Write(data)
	_, attacked := sumOf(h)
	return attacked
}
