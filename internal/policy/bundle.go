package policy

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bundle is a policy as it is sent from machine to machine: its exact bytes, and
// the signatures of root keys over them. Nothing of it is believed because it came
// so: whoever brings it into force verifies it.
type Bundle struct {
	Policy   string          `json:"policy"`
	Evidence json.RawMessage `json:"evidence"` // one signature or a list, as package charter reads it
}

// Encode returns the bundle as one text.
func (b Bundle) Encode() (string, error) {
	if !utf8.ValidString(b.Policy) {
		return "", badBundle("the trust policy isn't UTF-8")
	}
	text, err := json.Marshal(b)
	if err != nil {
		return "", badBundle("the signatures of the trust policy aren't JSON")
	}
	return string(text), nil
}

// ReadBundle reads what Encode has made.
func ReadBundle(text string) (b Bundle, err error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil {
		return Bundle{}, badBundle("it isn't a trust policy with its signatures")
	}
	if _, err := d.Token(); err != io.EOF {
		return Bundle{}, badBundle("there is something behind the trust policy and its signatures")
	}
	if b.Policy == "" || len(b.Evidence) == 0 {
		return Bundle{}, badBundle("the trust policy, or its signatures, are missing")
	}
	return b, nil
}

func badBundle(why string) error { return fault.New(fault.Invalid, "InvalidTrustPolicy", "%s", why) }
