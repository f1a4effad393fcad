package gitsource

import "strings"

// Attacked tells whether data bears the marks of an attack on SHA-1.
func Attacked(data []byte) bool {
	h := hashOf(strings.Repeat("0", 2*sizeSHA1))
	h.Write(data)
	_, attacked := sumOf(h)
	return attacked
}

// Names returns the names in a folder of SHA-1.
func Names(text []byte) ([]string, error) {
	entries, err := readTree(strings.Repeat("0", 2*sizeSHA1), "", text)
	var names []string
	for _, e := range entries {
		names = append(names, e.name)
	}
	return names, err
}

// ReadCommit reads a commit of SHA-1.
func ReadCommit(text []byte) (*Commit, error) {
	return readCommit(strings.Repeat("0", 2*sizeSHA1), text)
}

// ReadTag reads a tag of SHA-1.
func ReadTag(text []byte) (*Tag, error) { return readTag(strings.Repeat("0", 2*sizeSHA1), text) }
