package pki

import (
	"fmt"
	"log/slog"
)

// Secret is a password of a keystore. It prints as *** in every format, in
// logs and in JSON; string(s) is the only way to its value.
type Secret string

const masked = "***"

// Format writes the mask, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// String returns the mask.
func (Secret) String() string { return masked }

// MarshalText returns the mask.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue returns the mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }
