package conf

import (
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Password is what a password is compared with: its SHA-512. It prints as ***.
// The zero Password is none, which nothing matches.
type Password struct{ hash Secret }

// The forms of JS7: what stands behind it is the password, or its SHA-512 in
// hexadecimal.
const (
	plainPrefix = "plain:"
	hashPrefix  = "sha512:"
)

// parsePassword reads a password in one of JS7's forms.
func parsePassword(text string) (p Password, wrong string) {
	if password, ok := strings.CutPrefix(text, plainPrefix); ok && password != "" {
		sum := sha512.Sum512([]byte(password))
		return Password{NewSecret(string(sum[:]))}, ""
	}
	if digits, ok := strings.CutPrefix(text, hashPrefix); ok {
		if sum, err := hex.DecodeString(digits); err == nil && len(sum) == sha512.Size {
			return Password{NewSecret(string(sum))}, ""
		}
	}
	return Password{}, "expected " + hashPrefix + " and the 128 hexadecimal digits of the password's SHA-512, or " + plainPrefix + " and the password"
}

// IsEmpty tells whether there is none.
func (p Password) IsEmpty() bool { return p.hash.IsEmpty() }

// Matches tells whether a password is the one, in a time that doesn't tell how
// nearly it was.
func (p Password) Matches(password string) bool {
	sum := sha512.Sum512([]byte(password))
	return !p.IsEmpty() && p.hash.Equal(NewSecret(string(sum[:])))
}

// Equal tells whether both are of the same password.
func (p Password) Equal(other Password) bool { return p.hash.Equal(other.hash) }
