package charter_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/charter"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// text returns a policy of that version.
func text(version int, issued time.Time) []byte {
	return fmt.Appendf(nil, `{"TYPE":"TrustPolicy","version":%d,"audience":["prod"],"issued":%q,
		"persons":{"alice":{"keys":[%q]}},"rules":[{"name":"all","folders":["/"],"signers":["alice"]}]}`,
		version, issued.UTC().Format(time.RFC3339), strings.Repeat("a", 64))
}

// evidence returns one signature, or a list of several.
func evidence(t testing.TB, doc []byte, by ...trusttest.Identity) []byte {
	t.Helper()
	var list []trust.Evidence
	for _, who := range by {
		list = append(list, trusttest.Sign(t, who.Key, doc))
	}
	var v any = list
	if len(list) == 1 {
		v = list[0]
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAccept(t *testing.T) {
	t.Parallel()
	now := trusttest.Now()
	first, second, third, stranger := trusttest.NewSSH(t, "first"), trusttest.NewPGP(t, "second"), trusttest.NewX509(t, "third"), trusttest.NewSSH(t, "stranger")
	passkey := trusttest.NewPasskey(t, "passkey")
	doc := text(7, now)
	parsed, err := policy.Parse(doc)
	if err != nil {
		t.Fatal(err)
	}
	good := evidence(t, doc, first)
	list := func(items ...[]byte) []byte {
		var raw []json.RawMessage
		for _, i := range items {
			raw = append(raw, i)
		}
		text, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	most := make([]trusttest.Identity, charter.MaxSignatures+1)
	for i := range most {
		most[i] = trusttest.NewSSH(t, fmt.Sprintf("root-%d", i))
	}
	roots := trusttest.Set(t, append([]trusttest.Identity{first, second, third, passkey}, most...)...)
	padded := func(length int) []byte {
		return append(bytes.Repeat([]byte(" "), length-len(list(good))), list(good)...)
	}
	sixteen := make([][]byte, charter.MaxSignatures)
	for i := range sixteen {
		sixteen[i] = good
	}
	for _, tt := range []struct {
		name         string
		doc          []byte
		evidence     []byte
		installation string
		known        policy.Known
		signers      int
		code         string
	}{
		{"one signature", doc, good, "prod", policy.Known{}, 1, ""},
		{"a list of one", doc, list(good), "prod", policy.Known{}, 1, ""},
		{"three signatures", doc, evidence(t, doc, first, second, third), "prod", policy.Known{}, 3, ""},
		{"again", doc, good, "prod", parsed.Known(), 1, ""},
		{"after an older one", doc, good, "prod", policy.Known{Version: 6}, 1, ""},
		{"made a little in the future", text(7, now.Add(9*time.Minute)), nil, "prod", policy.Known{}, 1, ""},
		{"made as far in the future as clocks may differ", text(7, now.Truncate(time.Second).Add(10*time.Minute)), nil, "prod", policy.Known{}, 1, ""},
		{"sixteen different", doc, evidence(t, doc, most[:16]...), "prod", policy.Known{}, 16, ""},
		{"of the greatest length", doc, padded(2 << 20), "prod", policy.Known{}, 1, ""},

		{"older than known", doc, good, "prod", policy.Known{Version: 8}, 0, policy.CodeOlder},
		{"the version with other bytes", doc, good, "prod", policy.Known{Version: 7}, 0, policy.CodeVersionReused},
		{"the version, reformatted", append([]byte(" "), doc...), nil, "prod", parsed.Known(), 0, policy.CodeVersionReused},
		{"for another installation", doc, good, "test", policy.Known{}, 0, charter.CodeForeignAudience},
		{"for none", doc, good, "", policy.Known{}, 0, charter.CodeForeignAudience},
		{"made in the future", text(7, now.Add(11*time.Minute)), nil, "prod", policy.Known{}, 0, charter.CodeNotYet},
		{"by a stranger", doc, evidence(t, doc, stranger), "prod", policy.Known{}, 0, trust.CodeUnknownSigner},
		{"by a root and a stranger", doc, evidence(t, doc, first, stranger), "prod", policy.Known{}, 0, trust.CodeUnknownSigner},
		{"by a passkey", doc, evidence(t, doc, passkey), "prod", policy.Known{}, 0, trust.CodeSignerNotAllowed},
		{"over another policy", doc, evidence(t, text(8, now), first), "prod", policy.Known{}, 0, trust.CodeSignatureInvalid},
		{"one good, one over another", doc, list(good, evidence(t, text(8, now), second)), "prod", policy.Known{}, 0, trust.CodeSignatureInvalid},
		{"twice by one", doc, list(good, good), "prod", policy.Known{}, 0, trust.CodeSurplusEvidence},
		{"no evidence", doc, []byte{}, "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"null", doc, []byte("null"), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"an empty list", doc, []byte(" [] "), "prod", policy.Known{}, 0, trust.CodeMissingEvidence},
		{"a list of null", doc, []byte("[null]"), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"a list of lists", doc, list(list(good)), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"a broken list", doc, append([]byte("["), good...), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"something behind the list", doc, append(list(good), '1'), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"sixteen, all the same", doc, list(sixteen...), "prod", policy.Known{}, 0, trust.CodeSurplusEvidence},
		{"seventeen", doc, list(append(sixteen, good)...), "prod", policy.Known{}, 0, trust.CodeSurplusEvidence},
		{"seventeen different", doc, evidence(t, doc, most...), "prod", policy.Known{}, 0, trust.CodeSurplusEvidence},
		{"one byte too long", doc, padded(2<<20 + 1), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"too long", doc, append([]byte(strings.Repeat(" ", 3<<20)), good...), "prod", policy.Known{}, 0, trust.CodeMalformedEvidence},
		{"another document", []byte(`{"TYPE":"Workflow"}`), nil, "prod", policy.Known{}, 0, "InvalidTrustPolicy"},
	} {
		if tt.evidence == nil {
			tt.evidence = evidence(t, tt.doc, first)
		}
		a, err := charter.Accept(roots, tt.doc, tt.evidence, tt.installation, tt.known, now)
		switch {
		case tt.code == "" && (err != nil || len(a.Signers) != tt.signers || a.Policy.Version() != 7):
			t.Errorf("%s: got %+v, %v", tt.name, a, err)
		case tt.code != "" && (a != nil || !fault.HasCode(err, tt.code)):
			t.Errorf("%s: got %+v, %v, want the code %s", tt.name, a, err, tt.code)
		}
	}
	for name, none := range map[string]*trust.Set{"no set": nil, "an empty set": trusttest.Set(t)} {
		if a, err := charter.Accept(none, doc, good, "prod", policy.Known{}, now); a != nil || !fault.HasCode(err, charter.CodeNoRoots) {
			t.Errorf("%s: got %+v, %v", name, a, err)
		}
	}
}

// A policy that has ended still comes into force, and then refuses: otherwise the
// end of a policy would let the one before it count.
func TestEndedPolicyIsAccepted(t *testing.T) {
	t.Parallel()
	root, now := trusttest.NewSSH(t, "root"), trusttest.Now()
	doc := []byte(strings.Replace(string(text(7, now.Add(-time.Hour))), `"persons"`, fmt.Sprintf(`"expires":%q,"persons"`, now.Add(-time.Minute).UTC().Format(time.RFC3339)), 1))
	a, err := charter.Accept(trusttest.Set(t, root), doc, evidence(t, doc, root), "prod", policy.Known{Version: 6}, now)
	if err != nil {
		t.Fatal(err)
	}
	r := policy.Request{Facts: policy.Facts{Kind: "Workflow", Path: "a"}, Environment: "prod", Signers: []policy.Signer{{KeyID: strings.Repeat("a", 64)}}, Now: now}
	if d := a.Policy.Decide(r); d.Allowed() {
		t.Error("a policy that has ended accepts documents")
	}
	r.Now = now.Add(-30 * time.Minute)
	if d := a.Policy.Decide(r); !d.Allowed() {
		t.Errorf("before its end: %s", d.Reason)
	}
}

func TestRequired(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "policy-root")
	required := func() bool {
		roots, err := trust.Load(charter.Dirs(folder), trust.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		return charter.Required(roots)
	}
	if required() {
		t.Error("without the folder")
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if required() {
		t.Error("with an empty folder")
	}
	if !charter.Required(nil) {
		t.Error("nothing is known of the folder, and no policy is required")
	}
	for name, content := range map[string][]byte{
		"root.pub": trusttest.NewSSH(t, "root").Trusted, "broken.pub": []byte("ssh-"), "root.txt": []byte("x"), "root.pem": trusttest.NewX509(t, "x").Trusted,
		"root.asc": trusttest.NewPGP(t, "p").Trusted, "root.json": trusttest.NewPasskey(t, "k").Trusted,
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if !required() {
			t.Errorf("with %s in it no policy is required", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// From keys to a decision: what signers' trust files say and what a policy names
// are the same ids, for every kind of key.
func TestSigners(t *testing.T) {
	t.Parallel()
	now := trusttest.Now()
	for _, who := range []trusttest.Identity{trusttest.NewX509(t, "x"), trusttest.NewPGP(t, "p"), trusttest.NewSSH(t, "s"), trusttest.NewPasskey(t, "k")} {
		manifest := []byte(`{"TYPE":"Release"}`)
		v, err := trusttest.Set(t, who).VerifyRelease(manifest, trusttest.Sign(t, who.Key, manifest), now)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.Parse([]byte(strings.Replace(string(text(1, now)), strings.Repeat("a", 64), v.Signer().KeyID, 1)))
		if err != nil {
			t.Fatalf("%s: %v", who.Kind, err)
		}
		r := policy.Request{Facts: policy.Facts{Kind: "Workflow", Path: "a"}, Environment: "prod", Now: now, Signers: charter.Signers([]trust.Signer{v.Signer()})}
		if d := p.Decide(r); !d.Allowed() || r.Signers[0].Hardware != (who.Kind == trust.Passkey) {
			t.Errorf("%s: %+v: %s", who.Kind, r.Signers, d.Reason)
		}
	}
}

func FuzzAccept(f *testing.F) {
	root, now := trusttest.NewSSH(f, "root"), trusttest.Now()
	roots, doc := trusttest.Set(f, root), text(7, now)
	good := evidence(f, doc, root)
	f.Add(doc, good)
	f.Add(doc, append(append([]byte("["), good...), ']'))
	f.Add(doc, []byte("[]"))
	f.Fuzz(func(t *testing.T, text, evidence []byte) {
		a, err := charter.Accept(roots, text, evidence, "prod", policy.Known{}, now)
		switch {
		case err == nil && string(text) != string(doc):
			t.Errorf("accepted %q", text)
		case err != nil && (a != nil || fault.Is(err, fault.Internal)):
			t.Errorf("got %+v, %v", a, err)
		}
	})
}
