package trust

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// The suffixes of evidence files beside a document.
const (
	suffixSig    = ".sig"    // base64 of the raw signature
	suffixPem    = ".pem"    // the signer's certificate, then intermediates
	suffixAsc    = ".asc"    // OpenPGP, armoured
	suffixSSHSig = ".sshsig" // OpenSSH, armoured

	suffixPasskey = ".passkey" // the JSON of the evidence
)

// EvidenceFromFiles reads the evidence files beside a document, given by their
// suffix ".sig", ".pem", ".asc", ".sshsig" or ".passkey". An ".asc" that doesn't begin with
// an armour line, and a ".pem" that doesn't begin with a PEM line, are read as
// ".sig". What comes out is canonical: line ends are brought to one form, and
// the headers of OpenPGP armour, which nobody signs, are dropped.
//
// Exactly one signature must be there, and certificates only with a raw one;
// else the error is Untrusted with code MissingEvidence, SurplusEvidence,
// MalformedSignature or MalformedCertificate.
func EvidenceFromFiles(files map[string][]byte) (Evidence, error) {
	var found []Evidence
	var certificates []byte
	for _, suffix := range slices.Sorted(maps.Keys(files)) {
		content := files[suffix]
		if len(content) > MaxCertificates {
			return Evidence{}, refuse(CodeMalformedEvidence, "the %s file is longer than %d bytes", printable(suffix), MaxCertificates)
		}
		switch {
		case suffix == suffixPem && bytes.HasPrefix(content, []byte(pemBegin)):
			var err error
			if certificates, err = certificatesFromFile(content); err != nil {
				return Evidence{}, err
			}
		case suffix == suffixPasskey:
			e, err := passkeyFromFile(content)
			if err != nil {
				return Evidence{}, err
			}
			found = append(found, e)
		case suffix == suffixSig, suffix == suffixPem, suffix == suffixAsc, suffix == suffixSSHSig:
			e, err := signatureFromFile(suffix, content)
			if err != nil {
				return Evidence{}, err
			}
			found = append(found, e)
		default:
			return Evidence{}, refuse(CodeSurplusEvidence, "a %q file is no evidence; evidence is .sig, .pem, .asc, .sshsig or .passkey", printable(suffix))
		}
	}
	switch {
	case len(found) == 0:
		return Evidence{}, refuse(CodeMissingEvidence, "the document has no signature; expected a .sig, .asc, .sshsig or .passkey file beside it")
	case len(found) > 1:
		return Evidence{}, refuse(CodeSurplusEvidence, "the document has %d signatures beside it; leave one", len(found))
	}
	e := found[0]
	e.Certificates = certificates
	if err := e.checkForm(); err != nil {
		return Evidence{}, err
	}
	return e, nil
}

// certificatesFromFile brings a .pem file to the canonical form.
func certificatesFromFile(content []byte) ([]byte, error) {
	text, err := normaliseText(content)
	if err == nil {
		_, err = decodeCertificatePEM(text)
	}
	if err != nil {
		return nil, refuse(CodeMalformedCertificate, "the .pem file can't be used: %s", err)
	}
	return text, nil
}

// passkeyFromFile reads a .passkey file, which holds the JSON of the evidence.
func passkeyFromFile(content []byte) (Evidence, error) {
	var e Evidence
	if err := e.UnmarshalJSON(content); err != nil {
		return Evidence{}, err
	}
	if e.Kind != Passkey {
		return Evidence{}, refuse(CodeMalformedEvidence, "the .passkey file holds evidence of kind %s", e.Kind)
	}
	return e, nil
}

// signatureFromFile reads one signature file; the content decides whether an
// .asc file is OpenPGP or a raw signature.
func signatureFromFile(suffix string, content []byte) (Evidence, error) {
	text, err := normaliseText(content)
	if err != nil {
		return Evidence{}, refuse(CodeMalformedSignature, "the %s file can't be used: %s%s", suffix, err, binaryHint(suffix))
	}
	var e Evidence
	switch {
	case suffix == suffixSSHSig:
		e = Evidence{Kind: SSH, Signature: text}
		_, err = decodeSSHArmour(text)
	case suffix == suffixAsc && strings.HasPrefix(string(text), pgpBegin):
		e.Kind = PGP
		var packets []byte
		if packets, err = decodePGPArmour(text); err == nil {
			e.Signature, err = canonicalPGP(packets)
		}
	default:
		e.Kind = X509
		e.Signature, err = decodeBase64(text)
	}
	if err != nil {
		return Evidence{}, refuse(CodeMalformedSignature, "the %s file can't be used: %s%s", suffix, err, binaryHint(suffix))
	}
	return e, nil
}

// binaryHint tells what most people do wrong with a raw signature.
func binaryHint(suffix string) string {
	if suffix == suffixSig {
		return " (write it with `openssl base64 -in raw.signature -out NAME.sig`)"
	}
	return ""
}

// Files returns the files that EvidenceFromFiles reads as e, by suffix.
func (e Evidence) Files() map[string][]byte {
	switch e.Kind {
	case PGP:
		return map[string][]byte{suffixAsc: bytes.Clone(e.Signature)}
	case SSH:
		return map[string][]byte{suffixSSHSig: bytes.Clone(e.Signature)}
	case Passkey:
		// Evidence of a wrong form has no file; EvidenceFromFiles then misses it.
		text, err := e.MarshalJSON()
		if err != nil {
			return map[string][]byte{}
		}
		return map[string][]byte{suffixPasskey: append(text, '\n')}
	default:
		files := map[string][]byte{suffixSig: encodeLines(e.Signature, sigColumns)}
		if len(e.Certificates) > 0 {
			files[suffixPem] = bytes.Clone(e.Certificates)
		}
		return files
	}
}
