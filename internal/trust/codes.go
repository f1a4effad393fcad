package trust

import "github.com/signet-scheduler/signet/internal/fault"

// The codes of the refusals of this package; all are of kind fault.Untrusted.
// They are part of the interface: programs and scripts test them.
const (
	CodeMissingEvidence        = "MissingEvidence"        // there is no signature
	CodeSurplusEvidence        = "SurplusEvidence"        // more than one signature, or certificates that aren't part of the chain
	CodeMalformedEvidence      = "MalformedEvidence"      // the evidence's own form is wrong
	CodeMalformedSignature     = "MalformedSignature"     // the signature isn't in its canonical form
	CodeMalformedCertificate   = "MalformedCertificate"   // a certificate isn't in its canonical form
	CodeSignatureInvalid       = "SignatureInvalid"       // the signature isn't one of these bytes by this key
	CodeSignatureExpired       = "SignatureExpired"       // the signature itself states an end that has passed
	CodeSignatureNotYetValid   = "SignatureNotYetValid"   // the signature says that it was made in the future
	CodeUnknownSigner          = "UnknownSigner"          // no trusted key or certificate vouches for the signer
	CodeSignerExpired          = "SignerExpired"          // the key or certificate is past its end
	CodeSignerNotYetValid      = "SignerNotYetValid"      // the key or certificate isn't valid yet
	CodeSignerNotAllowed       = "SignerNotAllowed"       // the key isn't meant for signing documents
	CodeForeignOrigin          = "ForeignOrigin"          // a passkey was used on a page, or for a site, that isn't the enrolled one
	CodeRevokedSigner          = "RevokedSigner"          // the key or certificate was revoked
	CodeWeakKey                = "WeakKey"                // the key's algorithm or size is below the policy
	CodeWeakHash               = "WeakHash"               // a hash function below SHA-256
	CodeInsecureTrustDirectory = "InsecureTrustDirectory" // others than the part and root can write trust
	CodeUnreadableTrust        = "UnreadableTrust"        // a trust directory can't be read
)

// refuse returns an Untrusted error with that code.
func refuse(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Untrusted, code, format, args...)
}

// refuseFor is refuse with a cause for the log.
func refuseFor(code string, cause error, format string, args ...any) *fault.Error {
	return fault.Wrap(fault.Untrusted, code, cause, format, args...)
}
