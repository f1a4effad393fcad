// Package trust makes and verifies detached signatures over the exact bytes of
// a document, and owns the trust sets: the keys and certificates a machine
// itself believes in.
//
// Four kinds of evidence exist: an X.509 signature with the signer's
// certificate, an OpenPGP detached signature, an OpenSSH signature, and an
// assertion of a passkey. All are held in one canonical form each, so that no bit
// of a document, signature or certificate can change without the evidence being
// refused. The formats are specified in docs/formats/signatures.md, the reasons
// are told in docs/architecture/trust.md, the invariants are listed in DESIGN.md.
//
// Set.Verify takes the first three, over any document. A passkey signs a
// challenge that a browser shows nobody, therefore it is bound to one use: only
// Set.VerifyRelease takes it, and what is touched is PasskeyChallenge of the
// manifest, which is nothing else's. Trust policies are signed by root keys, which
// are of the first three kinds.
//
// Both return the verified document, never a boolean, so that nothing else than
// what was verified can be used afterwards. The package must not
// parse documents, must not decide who may sign for what (that is policy above
// it), and must not open a connection. Controller, Agent and Cockpit verify with
// it; the command line, the Cockpit and the development set-up sign with it.
package trust
