// Package pki is Signet's certificate authority and its only judge of
// certificates between parts: it makes, renews and revokes X.509 certificates
// for nodes, signers and users, reads and writes the files they live in, and
// decides whether a presented certificate is the node or user it claims to be.
//
// Signing of certificates happens here and nowhere else. Each purpose has a
// root and an intermediate of its own, so that trusting the one never means
// trusting the other; key usages are checked on top, explicitly, because
// crypto/x509 accepts a leaf that states none.
//
// It must not open connections and must not read a clock: the time comes with
// every call. Package transport (handshakes), trust (signers' chains), identity
// (certificate logins) and the command line ("signet ca") call it.
//
// docs/architecture/certificates.md has the tables of usages, names and refusals.
package pki
