package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/trust"
)

// Bounds of a rollout.
const (
	maxTargets     = 100
	maxMappingFile = 1 << 20 // bytes
	rolloutWait    = time.Minute
)

// rollout is one run of the verb.
type rollout struct {
	s *session

	to      []string
	mapping string
	check   bool
	wait    time.Duration
	reason  string
	sign    signFlags
	git     gitFlags

	contents objectfile.Contents
	targets  []*target
}

func (s *session) rolloutVerb() *cobra.Command {
	r := &rollout{s: s}
	c := s.verb(verb{
		use: "rollout SOURCE|--commit REV --to PROFILE...", short: "Deploy the same objects to several installations, one after the other", args: cobra.MaximumNArgs(1),
		long: `SOURCE is an archive (.zip, .tar.gz) or a folder of object files, with signatures beside them, possibly with a release; or the files come from a Git commit.
PROFILE is the profile file of an installation.

First every installation is asked what would happen: nothing is changed anywhere unless all agree. Then they get the objects in the order of --to, each in one
transaction. A rollout waits for each until its Controller has the objects in force and the Agents that they name are coupled, and stops at the first that fails.
What is the same already isn't deployed again, so the same command goes on where it stopped.

With --mapping FILE objects get other paths and Agents, for each installation by the name of its profile without .json:
  {"prod": {"installation": "prod-7QK2", "mapAgent": {"agent-1": "prod-agent"}, "mapFolder": {"dev": "prod"}, "prefix": "", "suffix": "", "folder": "", "controller": ""}}
With "installation" its id must be that one. Signed documents stay as they are. With --sign-with, --keystore or --agent those without a signature are signed here, as a release for each installation.`,
		example: "  signet rollout signed.tar.gz --to test.json --to prod.json --check\n  signet rollout --commit v1.2 --folder flows --trusted-signers release-managers --to prod.json --mapping mapping.json --agent anna\n  signet rollout flows/ --to test.json --sign-with ~/.ssh/id_ed25519 -o json",
		run:     r.run,
	})
	flags := c.Flags()
	flags.StringArrayVar(&r.to, "to", nil, "profile file of an installation; may be repeated, the order counts")
	flags.StringVar(&r.mapping, "mapping", "", "JSON file with other paths and Agents for each installation")
	flags.BoolVar(&r.check, "check", false, "only tell what would happen; the exit code is 1 if it would be refused")
	flags.DurationVar(&r.wait, "wait", rolloutWait, "how long to wait for each installation; 0: not for its Agents")
	r.git.register(c)
	r.sign.register(c, "sign-with", "sign what has no signature as a release, with the private key in this file")
	reasonFlag(c, &r.reason)
	return c
}

func (r *rollout) run(ctx context.Context, args []string) error {
	if err := r.checkUse(args); err != nil {
		return err
	}
	if err := r.prepare(ctx, args); err != nil {
		return err
	}
	var signer trust.SignerKey
	if r.sign.given() {
		var end func()
		var err error
		signer, end, err = r.s.signer(ctx, &r.sign)
		defer end()
		if err != nil {
			return err
		}
	}
	failed := r.preview(ctx, signer)
	if failed == nil && !r.check {
		failed = r.deploy(ctx)
	}
	if err := r.print(); err != nil {
		return err
	}
	return failed
}

func (r *rollout) checkUse(args []string) error {
	switch {
	case len(r.to) == 0:
		return Usage("--to is missing: the profile file of an installation")
	case len(r.to) > maxTargets:
		return Usage("a rollout is for at most %d installations", maxTargets)
	case r.wait < 0:
		return Usage("--wait is a duration like 90s")
	}
	if err := r.git.check(args); err != nil {
		return err
	}
	return r.sign.check()
}

// prepare reads everything that is on this machine.
func (r *rollout) prepare(ctx context.Context, args []string) error {
	mappings, err := readMappings(r.mapping)
	if err != nil {
		return err
	}
	for _, file := range r.to {
		t, err := newTarget(file, mappings)
		if err != nil {
			return err
		}
		for _, other := range r.targets {
			if other.name == t.name {
				return Usage("there are two installations named %s: give their profiles different names", t.name)
			}
		}
		r.targets = append(r.targets, t)
	}
	for name := range mappings {
		return Usage("%s maps for %s, but that is none of the installations (--to); they are called like their profiles, without .json", r.mapping, printable(name))
	}
	if err := r.readSource(ctx, args); err != nil {
		return err
	}
	if r.contents.Release != nil && r.sign.given() {
		return Usage("the objects have a release already; `signet sign` signs it")
	}
	if problems := objectfile.Validate(r.contents.Objects); len(problems) > 0 {
		return &fault.Error{Kind: fault.Invalid, Code: "InvalidItems", Message: "nothing was rolled out: the objects can't be deployed", Problems: problems}
	}
	return nil
}

// readSource reads the objects.
func (r *rollout) readSource(ctx context.Context, args []string) error {
	var p *parcel
	if r.git.given() {
		files, err := r.git.read(ctx, r.s)
		if err != nil {
			return err
		}
		p, r.reason = &files.parcel, reasonFrom(r.reason, files.origin())
	} else {
		var err error
		if p, err = parcelOf(ctx, args[0]); err != nil {
			return err
		}
	}
	var err error
	r.contents, err = p.contents()
	return err
}

// targetMapping is what a mapping file has for one installation.
type targetMapping struct {
	Installation string            `json:"installation"` // the id that it must have; "": any
	Controller   string            `json:"controller"`
	Prefix       string            `json:"prefix"`
	Suffix       string            `json:"suffix"`
	Folder       string            `json:"folder"`
	MapFolder    map[string]string `json:"mapFolder"`
	MapAgent     map[string]string `json:"mapAgent"`
}

// mapping returns it as objects are mapped by.
func (m *targetMapping) mapping() (*objectfile.Mapping, error) {
	out := &objectfile.Mapping{Prefix: m.Prefix, Suffix: m.Suffix, Folder: m.Folder}
	for from, to := range m.MapFolder {
		out.Folders = append(out.Folders, objectfile.Renamed{From: from, To: to})
	}
	for from, to := range m.MapAgent {
		out.Agents = append(out.Agents, objectfile.Renamed{From: from, To: to})
	}
	return out, out.Check()
}

// readMappings reads a mapping file; "" is none.
func readMappings(file string) (map[string]targetMapping, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readBounded(file, maxMappingFile)
	if err != nil {
		return nil, err
	}
	var all map[string]targetMapping
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, fault.Wrap(fault.Invalid, "InvalidMapping", err, "%s isn't valid: %s", file, err)
	}
	if d.More() {
		return nil, fault.New(fault.Invalid, "InvalidMapping", "%s: something follows the object", file)
	}
	return all, nil
}

// newTarget reads the profile of an installation and takes its mapping out of all.
func newTarget(file string, mappings map[string]targetMapping) (*target, error) {
	profile, err := ReadProfile(file)
	if err != nil {
		return nil, err
	}
	client, err := NewClient(profile)
	if err != nil {
		return nil, err
	}
	t := &target{name: strings.TrimSuffix(filepath.Base(file), ".json"), profile: profile, client: client, state: stateUntouched}
	m := mappings[t.name]
	delete(mappings, t.name)
	t.controller, t.installation = m.Controller, m.Installation
	if t.mapping, err = m.mapping(); err != nil {
		return nil, fault.Of(err).About("the mapping for " + t.name)
	}
	return t, nil
}

// print tells what became of each installation.
func (r *rollout) print() error {
	if r.s.json() {
		out := struct {
			Check   bool         `json:"check"`
			Targets []targetView `json:"targets"`
		}{r.check, []targetView{}}
		for _, t := range r.targets {
			out.Targets = append(out.Targets, t.view())
		}
		return r.s.printJSON(out)
	}
	table := r.s.table("INSTALLATION", "STATE", "NEW", "CHANGED", "SAME", "CONFLICT")
	for _, t := range r.targets {
		row := []string{t.name, string(t.state)}
		for _, change := range []string{changeNew, changeChanged, changeSame, changeConflict} {
			row = append(row, fmt.Sprint(t.count(change)))
		}
		table.row(row...)
	}
	if err := table.flush(); err != nil {
		return err
	}
	for _, t := range r.targets {
		for _, o := range t.objects {
			if o.Change == changeConflict || o.Why != "" && o.Change != changeSame {
				fmt.Fprintln(r.s.io.Err, printable(t.name+": "+o.Kind+":"+o.Path+" "+o.Why))
			}
		}
		for _, p := range t.problems {
			fmt.Fprintln(r.s.io.Err, printable(t.name+": "+p.Where+": "+p.Message))
		}
	}
	return nil
}
