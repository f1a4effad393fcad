package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/charter"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/policy"
	"github.com/signet-scheduler/signet/internal/trust"
)

func (s *session) policyGroup() *cobra.Command {
	return s.group("policy", "The trust policy: who may sign what",
		"",
		"  signet policy check policy.json --signed-by alice,bob workflows/",
		s.policyCheckVerb(), s.policyPublishVerb(), s.policyStatusVerb())
}

// policyFlags are what is asked about documents.
type policyFlags struct {
	roots, installation, author string
	signers                     []string
	hardware                    bool
}

func (s *session) policyCheckVerb() *cobra.Command {
	f := &policyFlags{}
	c := s.verb(verb{
		use: "check POLICY [DOCUMENT...]", short: "Check a trust policy, and what it says of documents", args: cobra.MinimumNArgs(1),
		long: `It works on files only; no Cockpit is asked. POLICY is read as the machines read it. With --roots its signature must lie beside it (POLICY.sshsig, .asc, or .sig with .pem) and be by a key of
that folder. Of each DOCUMENT, an object file or a folder with some, it tells whether it would be accepted with the signatures of --signed-by, and which rules
concern it; its path is the one that signet deploy would give it. The exit code is 5 if one would be refused. --author is for documents that come with a release.`,
		example: "  signet policy check policy.json --roots config/private/policy-root\n  signet policy check policy.json --signed-by alice,bob --author carol workflows/",
		run: func(_ context.Context, args []string) error {
			p, signers, err := f.read(args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return s.printPolicy(p, signers)
			}
			objects, err := objectfile.Collect(args[1:], objectfile.Disk{})
			if err != nil {
				return err
			}
			return s.printDecisions(p, f, objects)
		},
	})
	c.Flags().StringVar(&f.roots, "roots", "", "folder of the root keys: the policy must be signed by one of them")
	c.Flags().StringVar(&f.installation, "installation", "", "id of the installation that uses the documents (default: the only one of the policy)")
	c.Flags().StringSliceVar(&f.signers, "signed-by", nil, "persons of the policy who have signed, separated by commas")
	c.Flags().StringVar(&f.author, "author", "", "author of the release that lists the documents; without, each has signatures of its own")
	c.Flags().BoolVar(&f.hardware, "hardware", false, "they signed with keys that can't leave their device")
	_ = c.MarkFlagDirname("roots") // the flag is there
	return c
}

// read reads the policy, and verifies its signature if there are roots.
func (f *policyFlags) read(file string) (*policy.Policy, []trust.Signer, error) {
	text, err := readBounded(file, policy.MaxBytes)
	if err != nil {
		return nil, nil, err
	}
	p, err := policy.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	if f.installation == "" {
		if len(p.Audience()) > 1 {
			return nil, nil, Usage("the policy is for %s: name one as --installation", strings.Join(p.Audience(), ", "))
		}
		f.installation = p.Audience()[0]
	}
	if f.roots == "" {
		return p, nil, nil
	}
	roots, err := trust.Load(charter.Dirs(f.roots), trust.Policy{})
	if err != nil {
		return nil, nil, err
	}
	evidence, err := evidenceBeside(file)
	if err != nil {
		return nil, nil, err
	}
	accepted, err := charter.Accept(roots, text, evidence, f.installation, policy.Known{}, time.Now())
	if err != nil {
		return nil, nil, err
	}
	return accepted.Policy, accepted.Signers, nil
}

// evidenceBeside returns the JSON of the evidence in the files beside a document.
func evidenceBeside(file string) ([]byte, error) {
	files := map[string][]byte{}
	for _, suffix := range objectfile.EvidenceSuffixes() {
		if _, err := os.Lstat(file + suffix); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		content, err := readBounded(file+suffix, maxKey)
		if err != nil {
			return nil, err
		}
		files[suffix] = content
	}
	ev, err := trust.EvidenceFromFiles(files)
	if err != nil {
		return nil, err
	}
	return json.Marshal(ev)
}

func (s *session) printPolicy(p *policy.Policy, signers []trust.Signer) error {
	names := []string{}
	for _, signer := range signers {
		names = append(names, signer.Name)
	}
	var expires *time.Time
	end := "never"
	if at := p.Expires(); !at.IsZero() {
		expires, end = &at, at.Format(time.RFC3339)
	}
	if s.json() {
		return s.printJSON(struct {
			Version  int        `json:"version"`
			Audience []string   `json:"audience"`
			Issued   time.Time  `json:"issued"`
			Expires  *time.Time `json:"expires,omitempty"`
			SignedBy []string   `json:"signedBy"`
		}{p.Version(), p.Audience(), p.Issued(), expires, names})
	}
	t := s.table("VERSION", "AUDIENCE", "ISSUED", "EXPIRES", "SIGNED BY")
	t.row(fmt.Sprint(p.Version()), strings.Join(p.Audience(), ", "), p.Issued().Format(time.RFC3339), end, strings.Join(names, ", "))
	return t.flush()
}

// decided is what is printed of one document.
type decided struct {
	File     string           `json:"file"`
	Document string           `json:"document"`
	Allowed  bool             `json:"allowed"`
	Reason   string           `json:"reason"`
	Rules    []policy.Verdict `json:"rules"`
}

func (s *session) printDecisions(p *policy.Policy, f *policyFlags, objects []objectfile.Object) error {
	request, err := f.request(p)
	if err != nil {
		return err
	}
	list := []decided{}
	refused := 0
	for i := range objects {
		o := &objects[i]
		facts, err := factsOf(o)
		if err != nil {
			return err
		}
		request.Facts = facts
		d := p.Decide(request)
		if !d.Allowed() {
			refused++
		}
		rules := d.Rules
		if rules == nil {
			rules = []policy.Verdict{}
		}
		list = append(list, decided{o.File, o.Key.String(), d.Allowed(), d.Reason, rules})
	}
	if s.json() {
		err = s.printJSON(list)
	} else {
		t := s.table("DOCUMENT", "DECISION", "REASON")
		for _, d := range list {
			word := "refused"
			if d.Allowed {
				word = "accepted"
			}
			t.row(d.Document, word, d.Reason)
		}
		err = t.flush()
	}
	if err == nil && refused > 0 {
		return &exitError{fault.Untrusted.ExitCode()}
	}
	return err
}

// request returns what is the same for all documents.
func (f *policyFlags) request(p *policy.Policy) (policy.Request, error) {
	r := policy.Request{Environment: f.installation, Now: time.Now()}
	for _, person := range f.signers {
		keys := p.KeysOf(person)
		if len(keys) == 0 {
			return r, fault.New(fault.Invalid, "UnknownPerson", "the policy has no person %q with a key", person)
		}
		r.Signers = append(r.Signers, policy.Signer{KeyID: keys[0], Hardware: f.hardware})
	}
	if f.author != "" {
		r.Release = &policy.Release{Author: f.author}
	}
	return r, nil
}

// factsOf reads an object file as far as the policy asks.
func factsOf(o *objectfile.Object) (policy.Facts, error) {
	document, err := objectfile.Complete(o.Bytes, o.Key, "check")
	if err != nil {
		return policy.Facts{}, err
	}
	i, err := item.ParseAs(o.Key, "", document)
	if err != nil {
		return policy.Facts{}, err
	}
	return policy.FactsOf(i), nil
}
