package secrets

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf16"

	"github.com/signet-scheduler/signet/internal/pki"
)

// needle is a secret in all forms in which it may have been written.
type needle struct {
	name  string
	forms map[string][]byte
}

// keyNeedles returns the secret numbers of the private key in a PEM file: whatever
// form the key is written in, one of them is in it, or a line of the file.
func keyNeedles(name string, text []byte) ([]needle, error) {
	key, err := pki.ParseKeyPEM(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	body := bytes.Fields(text[bytes.Index(text, []byte("KEY-----"))+len("KEY-----"):])
	all := []needle{newNeedle(name+", a line", body[min(1, len(body)-4)])} // behind the body: -----END PRIVATE KEY-----
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		number, err := k.Bytes()
		return append(all, newNeedle(name, number)), err
	case ed25519.PrivateKey:
		return append(all, newNeedle(name, k.Seed())), nil
	case *rsa.PrivateKey:
		return append(all, newNeedle(name+", p", k.Primes[0].Bytes()), newNeedle(name+", q", k.Primes[1].Bytes()), newNeedle(name+", d", k.D.Bytes())), nil
	}
	return nil, fmt.Errorf("%s: a key of type %T", name, key)
}

// newNeedle returns the forms of a secret.
func newNeedle(name string, secret []byte) needle {
	n := needle{name: name, forms: map[string][]byte{
		"plain": secret, "hexadecimal": []byte(hex.EncodeToString(secret)), "HEXADECIMAL": []byte(strings.ToUpper(hex.EncodeToString(secret))),
	}}
	for _, e := range []struct {
		name   string
		bits   int // of a character
		repeat int // bytes after which it begins anew
		encode func([]byte) string
	}{
		{"base64", 6, 3, base64.RawStdEncoding.EncodeToString},
		{"base64url", 6, 3, base64.RawURLEncoding.EncodeToString},
		{"base32", 5, 5, base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString},
	} {
		// The characters depend on how many bytes stand before. Only those count that the
		// secret alone decides.
		for before := range e.repeat {
			text := e.encode(append(make([]byte, before), secret...))
			from, to := (before*8+e.bits-1)/e.bits, (before+len(secret))*8/e.bits
			n.forms[fmt.Sprintf("%s behind %d", e.name, before)] = []byte(text[from:to])
		}
	}
	if printable(secret) {
		quoted, _ := json.Marshal(string(secret))
		n.forms["JSON"] = bytes.Trim(quoted, `"`)
		n.forms["URL"] = []byte(url.QueryEscape(string(secret)))
		var low, high []byte
		for _, u := range utf16.Encode([]rune(string(secret))) {
			low, high = append(low, byte(u), byte(u>>8)), append(high, byte(u>>8), byte(u))
		}
		n.forms["UTF-16LE"], n.forms["UTF-16BE"] = low, high
	}
	return n
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
