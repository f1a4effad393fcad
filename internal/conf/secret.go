package conf

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// masked is what a Secret shows instead of itself, set or not.
const masked = "***"

// Secret is a password or key from a configuration file. It prints as *** by
// every verb of fmt, in JSON, in text and in logs; Reveal is the only way to
// its value. The zero Secret is empty. Compare with Equal: == compares
// identity.
type Secret struct {
	// A pointer, so that fmt, which can't call methods on an unexported field
	// of somebody's struct, prints an address there and not the value.
	value *string
}

// NewSecret returns a Secret of value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal returns the secret value. Don't log it or put it into an error.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsEmpty tells whether there is no value.
func (s Secret) IsEmpty() bool { return s.Reveal() == "" }

// Equal tells whether both have the same value, in a time that depends on
// their lengths only.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns ***.
func (s Secret) String() string { return masked }

// GoString returns ***.
func (s Secret) GoString() string { return masked }

// Format writes *** whatever the verb is.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// MarshalText returns ***; JSON and XML use it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue returns ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }
