package policy

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/strictjson"
	"github.com/signet-scheduler/signet/internal/workflow"
)

// Type is the TYPE of the document.
const Type = "TrustPolicy"

const codeInvalid = "InvalidTrustPolicy"

// Bounds of a policy.
const (
	MaxBytes   = 1 << 20
	maxVersion = 1<<31 - 1
	maxPersons = 10_000
	maxRules   = 1000
	maxName    = 200 // bytes of a person's, a rule's or an installation's name
)

// Parse reads a policy's document. The error is a *fault.Error: that of
// strictjson.Parse, or Invalid, code InvalidTrustPolicy, with every problem and
// its JSON path.
func Parse(text []byte) (*Policy, error) {
	n, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: MaxBytes, MaxDepth: 8})
	if err != nil {
		return nil, err
	}
	problems := &workflow.Problems{}
	f := workflow.ReadFields(n, "$", problems)
	for _, name := range []string{"TYPE", "version", "audience", "issued", "persons", "rules"} {
		f.Need(name)
	}
	if typ, given := f.Text("TYPE"); given && typ != Type {
		f.Problem("TYPE", "expected %q", Type)
	}
	p := &Policy{
		version:  f.Int(1, maxVersion, 0, "version"),
		audience: list(f, "audience", checkName),
		issued:   readTime(f, "issued"),
		expires:  readTime(f, "expires"),
		keeps:    f.Bool("keepBeforeRevocation"),
		personOf: map[string]string{},
		persons:  map[string]int{},
		digest:   sha256.Sum256(text),
	}
	if !p.expires.IsZero() && !p.expires.After(p.issued) {
		f.Problem("expires", "the policy ends before it begins")
	}
	p.readPersons(f, problems)
	p.readRules(f, problems)
	f.Done()
	if err := problems.Err(codeInvalid, "the trust policy is not valid"); err != nil {
		return nil, err
	}
	return p, nil
}

// list reads an optional list of different strings. An empty one is reported: it
// could be taken for "none" as well as for "any".
func list(f *workflow.Fields, name string, check func(string) error) []string {
	texts := f.Paths(name, check)
	if items, given := f.Array(name); given && len(items) == 0 {
		f.Problem(name, "the list is empty; leave it out or name somebody")
	}
	return texts
}

// readTime reads an optional time in UTC.
func readTime(f *workflow.Fields, name string) time.Time {
	text, given := f.Text(name)
	if !given {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || !strings.HasSuffix(text, "Z") || t.IsZero() {
		f.Problem(name, `expected a time in UTC like "2026-12-31T00:00:00Z"`)
		return time.Time{}
	}
	return t
}

// wrong is the error of a check: its text is for the author of the policy.
func wrong(format string, args ...any) error {
	return fault.New(fault.Invalid, codeInvalid, format, args...)
}

// checkName takes names that look the same only if they are.
func checkName(name string) error {
	switch {
	case name == "":
		return wrong("a name must not be empty")
	case len(name) > maxName:
		return wrong("a name has at most %d bytes", maxName)
	case strings.TrimSpace(name) != name:
		return wrong("a name doesn't begin or end with a space")
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return wrong("a name has printable characters only")
	}
	return nil
}

// checkKeyID takes the ids of trust.Signer.KeyID.
func checkKeyID(id string) error {
	isHex := !strings.ContainsFunc(id, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	if !isHex || len(id) != 40 && len(id) != 64 {
		return wrong("a key id has 64 hexadecimal digits in lower case; that of an OpenPGP key has 40")
	}
	return nil
}

func checkFolder(path string) error {
	if path == "/" {
		return nil
	}
	below, ok := strings.CutPrefix(path, "/")
	if !ok {
		return wrong(`a folder begins with a slash; "/" is all`)
	}
	return workflow.CheckPath(below)
}

func checkKind(kind string) error {
	var known []string
	for _, info := range item.Kinds() {
		if string(info.Kind) == kind {
			return nil
		}
		known = append(known, string(info.Kind))
	}
	return wrong("unknown kind %q (known are %s)", kind, strings.Join(known, ", "))
}

// readPersons reads who is who. A key belongs to one person, or two signatures
// with it could count as those of two.
func (p *Policy) readPersons(f *workflow.Fields, problems *workflow.Problems) {
	n, _ := f.Get("persons")
	if n == nil {
		return
	}
	if n.Kind != strictjson.Object || len(n.Keys) == 0 || len(n.Keys) > maxPersons {
		f.Problem("persons", "expected an object with 1 to %d persons", maxPersons)
		return
	}
	for i, name := range n.Keys {
		where := strictjson.KeyPath(f.At("persons"), name)
		if err := checkName(name); err != nil {
			problems.Add(where, "%s", fault.Of(err).Message)
			continue
		}
		p.persons[name] = 0
		person := workflow.ReadFields(n.Items[i], where, problems)
		person.Need("keys")
		for _, key := range person.Paths("keys", checkKeyID) {
			if other, taken := p.personOf[key]; taken {
				person.Problem("keys", "the key %s is already that of %q", key, other)
			}
			p.personOf[key] = name
			p.persons[name]++
		}
		person.Done()
	}
}

func (p *Policy) readRules(f *workflow.Fields, problems *workflow.Problems) {
	items, given := f.Array("rules")
	if given && (len(items) == 0 || len(items) > maxRules) {
		f.Problem("rules", "expected 1 to %d rules", maxRules)
		return
	}
	names := map[string]bool{}
	for i, n := range items {
		r := workflow.ReadFields(n, strictjson.IndexPath(f.At("rules"), i), problems)
		read := p.readRule(r)
		if names[read.name] {
			r.Problem("name", "another rule has this name")
		}
		names[read.name] = true
		p.rules = append(p.rules, read)
	}
}

func (p *Policy) readRule(f *workflow.Fields) rule {
	for _, name := range []string{"name", "folders", "signers"} {
		f.Need(name)
	}
	r := rule{}
	r.name, _ = f.Checked("name", checkName)
	for _, path := range list(f, "folders", checkFolder) {
		r.folders = append(r.folders, parseFolder(path))
	}
	for _, path := range list(f, "except", checkFolder) {
		except := parseFolder(path)
		// Anything else would be a mistake: an exception from nothing, or from all.
		if !slices.ContainsFunc(r.folders, func(f folder) bool { return len(f) < len(except) && f.contains(except) }) {
			f.Problem("except", "%q isn't below one of the rule's folders", path)
		}
		r.except = append(r.except, except)
	}
	for _, kind := range list(f, "kinds", checkKind) {
		r.kinds = append(r.kinds, item.Kind(kind))
	}
	r.agents = list(f, "agents", workflow.CheckAgentPath)
	r.environments = list(f, "environments", p.checkEnvironment)
	r.signers = list(f, "signers", p.checkSigner)
	r.threshold = f.Int(1, maxPersons, 1, "threshold")
	if r.threshold > len(r.signers) && len(r.signers) > 0 {
		f.Problem("threshold", "%d persons are demanded, but only %d are named", r.threshold, len(r.signers))
	}
	r.authorDiffers = f.Bool("authorDiffers")
	r.releasesOnly = f.Bool("releasesOnly")
	r.hardwareOnly = f.Bool("hardwareOnly")
	f.Refuse("runAs", "jobs run as the user of their Agent: name the Agents instead, as \"agents\"")
	f.Done()
	return r
}

// checkEnvironment refuses an environment that no installation of the audience
// has: the rule would restrict nothing.
func (p *Policy) checkEnvironment(id string) error {
	if !slices.Contains(p.audience, id) {
		return wrong("%q isn't in the policy's audience", id)
	}
	return nil
}

// checkSigner refuses who couldn't sign: "2 of 3" must not be 2 of 2.
func (p *Policy) checkSigner(name string) error {
	switch keys, known := p.persons[name]; {
	case !known:
		return wrong("%q isn't one of the policy's persons", name)
	case keys == 0:
		return wrong("%q has no keys, so can't sign", name)
	}
	return nil
}
