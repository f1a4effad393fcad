// Package keyagent signs with keys that an ssh-agent holds, and that never come
// to this process: keys of ssh-add, security keys, and keys of a PKCS#11 device
// that `ssh-add -s` has brought in.
//
// It owns the connection to an agent, the choice of a key, and what an agent's
// signatures are as raw ones. It must not know documents, evidence or who is
// trusted: package trust makes evidence of what it signs, and verifies it. The
// command line calls it.
package keyagent
