package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
)

func TestBundle(t *testing.T) {
	t.Parallel()
	in := policy.Bundle{Policy: "{\"a\":\"<&>\u2028\"}\r\n", Evidence: json.RawMessage(`[{"x":"y"}]`)}
	text, err := in.Encode()
	if err != nil {
		t.Fatal(err)
	}
	out, err := policy.ReadBundle(text)
	if err != nil || out.Policy != in.Policy || string(out.Evidence) != string(in.Evidence) {
		t.Errorf("%q became %q, %v", in, out, err)
	}
	for _, bad := range []string{
		"", "x", "[]", "{}", `{"policy":"x"}`, `{"policy":"","evidence":{}}`, `{"evidence":{}}`, `{"policy":"x","evidence":{},"more":1}`, `{"policy":1,"evidence":{}}`,
		text + "x", text + text, text[:len(text)-1],
	} {
		if _, err := policy.ReadBundle(bad); !fault.HasCode(err, "InvalidTrustPolicy") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []policy.Bundle{{Policy: "\xff", Evidence: json.RawMessage("{}")}, {Policy: "x", Evidence: json.RawMessage("{")}} {
		if text, err := bad.Encode(); err == nil {
			t.Errorf("%+v became %q", bad, text)
		}
	}
}

func FuzzBundle(f *testing.F) {
	f.Add(`{"policy":"{}","evidence":{}}`)
	f.Add(`{"policy":"{}","evidence":[]} `)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := policy.ReadBundle(text)
		if err != nil {
			return
		}
		again, err := b.Encode()
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		c, err := policy.ReadBundle(again)
		if err != nil || c.Policy != b.Policy {
			t.Errorf("%q became %q, then %q: %v", text, again, c.Policy, err)
		}
	})
}
