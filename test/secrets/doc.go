// Package secrets searches what the parts keep, and backups, for what must not be
// in them: private keys, passwords and tokens, in every encoding.
//
// It owns how a secret may be written (needle) and where it may hide (hay: files,
// frames of Zstandard in them, rows of the database). It looks at installations of
// the built program from outside.
package secrets
