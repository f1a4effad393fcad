package trust_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// What a browser really gives: keys and assertions of Chromium's virtual
// authenticators (WebAuthn.addVirtualAuthenticator of its debugging protocol) on a
// page of https://localhost, with the challenge that PasskeyChallenge gives for
// the manifest.
func TestChromiumPasskeys(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/chromium-passkeys.json")
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Browser    string
		Manifest   string
		Signatures []struct {
			Name     string
			Passkey  map[string]any
			Evidence trust.Evidence
		}
	}
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	verify := func(passkey map[string]any, ev trust.Evidence) error {
		file, err := json.Marshal(passkey)
		if err != nil {
			t.Fatal(err)
		}
		// Chromium's RSA keys have 2048 bits.
		set, err := trust.NewSet(trust.Policy{MinRSABits: 2048}, nil, nil, nil, file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.VerifyRelease([]byte(made.Manifest+" "), ev, trusttest.Now()); err == nil {
			t.Error("another manifest was accepted")
		}
		_, err = set.VerifyRelease([]byte(made.Manifest), ev, trusttest.Now())
		return err
	}
	needs := map[string][2]any{"synced": {"backupEligible", true}, "touch only": {"userVerification", "preferred"}}
	for _, s := range made.Signatures {
		need, special := needs[s.Name]
		if err := verify(s.Passkey, s.Evidence); special != fault.HasCode(err, trust.CodeSignerNotAllowed) || !special && err != nil {
			t.Errorf("%s, %s: %v", made.Browser, s.Name, err)
		}
		if special {
			s.Passkey[need[0].(string)] = need[1]
			if err := verify(s.Passkey, s.Evidence); err != nil {
				t.Errorf("%s, %s: %v", made.Browser, s.Name, err)
			}
		}
	}
	if len(made.Signatures) != 5 {
		t.Errorf("there are %d signatures", len(made.Signatures))
	}
}
