package trust_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/trust"
	"github.com/signet-scheduler/signet/internal/trust/trusttest"
)

// long makes the matrix whole: go test ./internal/trust -run Tamper -args -long,
// or make tamper.
var long = flag.Bool("long", false, "try every mutant of the tamper matrix; otherwise a sample")

// sampleOf is how many mutants there are for each one that is tried without -long.
const sampleOf = 199 // prime, so that all bits of a byte get their turn

// matrixDocuments are documents of every kind that is signed.
var matrixDocuments = map[string]string{
	"Workflow":    `{"TYPE":"Workflow","path":"payments/daily","versionId":"v1","jobs":{"j":{"agentPath":"agent-1","executable":{"TYPE":"ShellScriptExecutable","script":"pay --all"}}},"instructions":[{"TYPE":"Execute.Named","jobName":"j"}]}`,
	"JobResource": `{"TYPE":"JobResource","path":"payments/account","variables":{"account":"'DE02'"},"env":{"ACCOUNT":"$account"}}`,
	"AgentRef":    `{"TYPE":"AgentRef","path":"agent-1","uri":"https://agent-1.example.com:4445","processLimit":10}`,
	"Release": `{"TYPE":"Release","name":"r1","audience":"production","serial":7,"created":"2026-11-30T12:00:00Z","expires":"2026-12-30T12:00:00Z","author":"alice","objects":[
  {"kind":"JobResource","path":"payments/account","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}
]}
`,
	"TrustPolicy": `{"TYPE":"TrustPolicy","version":3,"audience":["production"],"issued":"2026-11-30T12:00:00Z","persons":{"alice":{"keys":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}},"rules":[{"name":"all","folders":["/"],"signers":["alice"]}]}`,
}

// matrix counts mutants by class.
type matrix struct {
	mu    sync.Mutex
	tried map[string]int
	next  int // counts all mutants, tried or not
}

// cell is one document with one signature of it, by somebody whom the set trusts.
type cell struct {
	*matrix
	t      *testing.T
	set    *trust.Set
	kind   string
	doc    []byte
	ev     trust.Evidence
	tried  map[string]int // of this cell
	number int
}

// due tells whether the next mutant is to be tried.
func (c *cell) due(class string) bool {
	c.number++
	if !*long && c.number%sampleOf != 0 {
		return false
	}
	c.tried[class]++
	return true
}

// refused fails the test if the mutant is accepted.
func (c *cell) refused(class string, doc []byte, ev trust.Evidence) {
	c.t.Helper()
	verify := c.set.Verify
	if c.kind == "Release" {
		verify = c.set.VerifyRelease
	}
	if v, err := verify(doc, ev, trusttest.Now()); err == nil || v != nil || !fault.Is(err, fault.Untrusted) {
		c.t.Errorf("%s: %s, mutant %d: got %v, %v, want a refusal", c.kind, class, c.number, v, err)
	}
}

// mutant tries one mutant.
func (c *cell) mutant(class string, doc []byte, ev trust.Evidence) {
	c.t.Helper()
	if c.due(class) {
		c.refused(class, doc, ev)
	}
}

// text tries a mutant of the evidence's JSON: it is unreadable, or means the same,
// or is refused.
func (c *cell) text(class string, text []byte) {
	c.t.Helper()
	if !c.due(class) {
		return
	}
	var ev trust.Evidence
	if err := ev.UnmarshalJSON(text); err != nil {
		if !fault.Is(err, fault.Untrusted) {
			c.t.Errorf("%s: %s, mutant %d: got %v, want a refusal", c.kind, class, c.number, err)
		}
		return
	}
	if !same(ev, c.ev) {
		c.refused(class, c.doc, ev)
	}
}

// parts are the parts of evidence that can be changed one by one.
func parts(ev *trust.Evidence) map[string]*[]byte {
	all := map[string]*[]byte{
		"signature": &ev.Signature, "certificates": &ev.Certificates, "credential id": &ev.CredentialID,
		"client data": &ev.ClientData, "authenticator data": &ev.AuthenticatorData,
	}
	maps.DeleteFunc(all, func(_ string, part *[]byte) bool { return len(*part) == 0 })
	return all
}

func (c *cell) bits() {
	flipped(c.doc, func(changed []byte, _ int) { c.mutant("bit of the document", changed, c.ev) })
	flipped([]byte(c.ev.Kind), func(changed []byte, _ int) {
		ev := c.ev
		ev.Kind = trust.Kind(changed)
		c.mutant("bit of the kind", c.doc, ev)
	})
	ev := c.ev
	for name, part := range parts(&ev) {
		right := *part
		flipped(right, func(changed []byte, _ int) {
			*part = changed
			c.mutant("bit of the "+name, c.doc, ev)
		})
		*part = right
	}
	text, err := json.Marshal(c.ev)
	if err != nil {
		c.t.Fatal(err)
	}
	flipped(text, func(changed []byte, _ int) { c.text("bit of the evidence's JSON", changed) })
	for n := range text {
		c.text("cut JSON", text[:n])
	}
}

// lengths cuts off and adds.
func (c *cell) lengths() {
	tails := []string{"\x00", "\n", " ", "=", "A", "}", "\x30\x00", strings.Repeat("A", 1<<10), strings.Repeat("\x00", 16<<10), strings.Repeat("\n", 64<<10)}
	for n := range c.doc {
		c.mutant("cut document", c.doc[:n], c.ev)
		c.mutant("document without a byte", slices.Delete(bytes.Clone(c.doc), n, n+1), c.ev)
	}
	for _, tail := range tails {
		c.mutant("longer document", append(bytes.Clone(c.doc), tail...), c.ev)
		c.mutant("longer document", append([]byte(tail), c.doc...), c.ev)
	}
	ev := c.ev
	for name, part := range parts(&ev) {
		right := *part
		for n := range right {
			*part = right[:n]
			c.mutant("cut "+name, c.doc, ev)
			*part = slices.Delete(bytes.Clone(right), n, n+1)
			c.mutant(name+" without a byte", c.doc, ev)
		}
		for _, tail := range tails {
			*part = append(bytes.Clone(right), tail...)
			c.mutant("longer "+name, c.doc, ev)
			*part = append([]byte(tail), right...)
			c.mutant("longer "+name, c.doc, ev)
		}
		*part = append(bytes.Clone(right), right...)
		c.mutant("doubled "+name, c.doc, ev)
		*part = right
	}
}

// mixed puts parts of other good evidence in.
func (c *cell) mixed(others []trust.Evidence) {
	for _, other := range others {
		c.mutant("evidence of another", c.doc, other)
		ev := c.ev
		theirs := parts(&other)
		for name, part := range parts(&ev) {
			if their := theirs[name]; their != nil && !bytes.Equal(*their, *part) {
				right := *part
				*part = *their
				c.mutant("another's "+name, c.doc, ev)
				*part = right
			}
		}
		ev.Kind = other.Kind
		if ev.Kind != c.ev.Kind {
			c.mutant("another's kind", c.doc, ev)
		}
	}
}

// stripped are the ways to have no signature, or two.
func (c *cell) stripped() {
	text, err := json.Marshal(c.ev)
	if err != nil {
		c.t.Fatal(err)
	}
	var members map[string]string
	if err := json.Unmarshal(text, &members); err != nil {
		c.t.Fatal(err)
	}
	forms := []string{
		``, ` `, "\n", `null`, `true`, `0`, `""`, `"X509"`, `{}`, `[]`, `[null]`, `[{}]`, `{"TYPE":"none"}`, `{"TYPE":""}`, `{"signature":""}`, `{"signatures":[]}`,
		`{"alg":"none"}`, `{"TYPE":"` + string(c.ev.Kind) + `"}`, string(text) + string(text), string(text) + ",", "[" + string(text) + "]", "[" + string(text) + "," + string(text) + "]",
		`{"payload":"","signatures":[` + string(text) + `]}`, "\ufeff" + string(text), "//\n" + string(text), strings.ToUpper(string(text)),
	}
	for name := range members {
		for _, value := range []any{"", " ", "\n", nil, 0, false, []string{}, []string{members[name]}, map[string]string{"": members[name]}, members[name] + "\n", " " + members[name], members[name] + members[name], "none", "AA"} {
			changed := map[string]any{}
			for k, v := range members {
				changed[k] = v
			}
			changed[name] = value
			form, err := json.Marshal(changed)
			if err != nil {
				c.t.Fatal(err)
			}
			forms = append(forms, string(form))
		}
		removed, renamed := maps.Clone(members), maps.Clone(members)
		delete(removed, name)
		delete(renamed, name)
		renamed[strings.ToUpper(name[:1])+strings.ToLower(name[1:])+"_"] = members[name]
		for _, m := range []map[string]string{removed, renamed} {
			form, err := json.Marshal(m)
			if err != nil {
				c.t.Fatal(err)
			}
			forms = append(forms, string(form))
		}
		forms = append(forms, strings.Replace(string(text), `{`, fmt.Sprintf(`{%q:"",`, name), 1), strings.Replace(string(text), `{`, fmt.Sprintf(`{%q:%q,`, name, members[name]), 1))
	}
	for _, form := range forms {
		c.text("stripped or doubled", []byte(form))
	}
}

// The tamper matrix: every kind of document, every type of signature, every
// mutant. None is accepted.
func TestTamperMatrix(t *testing.T) {
	if testing.Short() {
		t.Skip("a campaign: it is for make test and make tamper")
	}
	t.Parallel()
	signers := append(everyone(t), slowOnes(t)...)
	for name, a := range passkeys(t) {
		signers = append(signers, someone{"passkey-" + name, a.Identity(t)})
	}
	evidence := map[string]map[string]trust.Evidence{} // document, signer
	for kind, text := range matrixDocuments {
		evidence[kind] = map[string]trust.Evidence{}
		for _, who := range signers {
			if who.Kind != trust.Passkey || kind == "Release" {
				evidence[kind][who.label] = trusttest.Sign(t, who.Key, []byte(text))
			}
		}
	}
	m := &matrix{tried: map[string]int{}}
	t.Run("signers", func(t *testing.T) {
		for _, who := range signers {
			set := trusttest.Set(t, who.Identity)
			for kind, text := range matrixDocuments {
				ev, signed := evidence[kind][who.label]
				if !signed {
					continue
				}
				t.Run(who.label+"/"+kind, func(t *testing.T) {
					t.Parallel()
					c := &cell{matrix: m, t: t, set: set, kind: kind, doc: []byte(text), ev: ev, tried: map[string]int{}}
					var others []trust.Evidence
					for otherKind, of := range evidence {
						for label, other := range of {
							// Those of certificates share a CA: what they sign of the same
							// document is rightly accepted.
							if otherKind != kind || !strings.HasPrefix(label, "x509-") && label != who.label {
								others = append(others, other)
							}
						}
					}
					c.bits()
					c.lengths()
					c.mixed(others)
					c.stripped()
					m.add(c)
				})
			}
		}
	})
	m.tell(t)
}

func (m *matrix) add(c *cell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for class, n := range c.tried {
		m.tried[class] += n
	}
	m.next += c.number
}

// tell logs the table and checks that it is one.
func (m *matrix) tell(t *testing.T) {
	total := 0
	for _, class := range slices.Sorted(maps.Keys(m.tried)) {
		t.Logf("%9d  %s", m.tried[class], class)
		total += m.tried[class]
	}
	t.Logf("%9d  of %d mutants tried, none accepted unless an error is told above", total, m.next)
	if m.next < 200_000 || total < m.next/sampleOf-200 || *long && total != m.next {
		t.Errorf("only %d of %d mutants were tried", total, m.next)
	}
}
