package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/samples"
)

// readyPause is how often the parts are asked whether they are ready.
const readyPause = 100 * time.Millisecond

// credentialLeft is how long the credential of the profile must still be valid
// at a start.
const credentialLeft = 30 * 24 * time.Hour

// greeter brings an installation whose parts run to readiness, through the API
// as any user would.
type greeter struct {
	estate   *estate
	say      func(string)
	patience time.Duration
	client   *cli.Client
	profile  *cli.Profile
	last     string // what was waited for, as told
}

// greet does all that makes the installation ready, then says so. It gives up
// only when ctx ends.
func (g *greeter) greet(ctx context.Context, stdout io.Writer) error {
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"the Cockpit to answer", g.logIn},
		{"the administrator to have a signing key", g.signingKey},
		{"the Controllers to agree on a leader", g.controllersAgree},
		{"the Agents to be known", g.addAgents},
		{"the Agents to be coupled", g.agentsCoupled},
		{"the samples to be deployed", g.deploySamples},
	}
	for _, step := range steps {
		if err := g.until(ctx, step.what, step.do); err != nil {
			return err
		}
	}
	for line := range strings.SplitSeq(g.estate.loginHint(), "\n") {
		g.say(line)
	}
	_, err := fmt.Fprintf(stdout, "Signet is ready: %s\n", g.estate.url())
	return err
}

// until repeats a step until it succeeds.
func (g *greeter) until(ctx context.Context, what string, do func(context.Context) error) error {
	told := time.Now()
	for {
		err := do(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return nil
		}
		if reason := fault.Of(err).Public(); reason != g.last && time.Since(told) > 2*time.Second {
			g.say(fmt.Sprintf("waiting for %s: %s", what, reason))
			g.last, told = reason, time.Now()
		}
		t := time.NewTimer(g.patience)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// logIn sees to it that profile.json holds a credential that lasts.
func (g *greeter) logIn(ctx context.Context) error {
	path := filepath.Join(g.estate.dir, "profile.json")
	roots, err := os.ReadFile(g.estate.trusted())
	if err != nil {
		return err
	}
	p := &cli.Profile{URL: g.estate.url(), CA: string(roots), Account: adminAccount}
	if old, err := cli.ReadProfile(path); err == nil {
		p.Token = old.Token
	}
	if g.client, err = cli.NewClient(p); err != nil {
		return err
	}
	g.client.Patience = 0
	if err := g.client.Get(ctx, "/health", nil, nil); err != nil {
		return err
	}
	if p.Token == "" || !g.lasting(ctx) {
		if err := g.newSession(ctx, p); err != nil {
			return err
		}
		if g.client, err = cli.NewClient(p); err != nil {
			return err
		}
		g.client.Patience = 0
	}
	g.profile = p
	return p.Write(path)
}

// lasting tells whether the credential is good for long enough.
func (g *greeter) lasting(ctx context.Context) bool {
	var me api.Me
	err := g.client.Get(ctx, "/me", nil, &me)
	return err == nil && time.Until(time.UnixMilli(me.ExpiresAt)) > credentialLeft
}

func (g *greeter) newSession(ctx context.Context, p *cli.Profile) error {
	password, err := os.ReadFile(filepath.Join(g.estate.dir, passwordFile))
	if err != nil {
		return err
	}
	var session api.Session
	in := api.LoginRequest{Account: adminAccount, Password: strings.TrimSpace(string(password))}
	if err := g.client.Post(ctx, "/login", in, true, &session); err != nil {
		return err
	}
	p.Token = session.Token
	return nil
}

func notYet(format string, args ...any) error {
	return fault.New(fault.Unavailable, "NotYet", format, args...)
}

// signingKey gives the administrator a key where each account signs with its own.
func (g *greeter) signingKey(ctx context.Context) error {
	if g.estate.facts.Level != levelMedium {
		return nil
	}
	var has api.SigningKey
	if err := g.client.Get(ctx, "/me/signing-key", nil, &has); err != nil {
		return err
	}
	if has.Key != nil && (has.Key.ExpiresAt == 0 || time.Until(time.UnixMilli(has.Key.ExpiresAt)) > renewBefore) {
		return nil
	}
	return g.client.Post(ctx, "/me/signing-key", api.MakeSigningKeyRequest{Reason: "signet dev"}, true, nil)
}

// controllersAgree tells whether all Controllers are there and one leads.
func (g *greeter) controllersAgree(ctx context.Context) error {
	var all api.ControllersStatus
	if err := g.client.Get(ctx, "/controllers/status", nil, &all); err != nil {
		return err
	}
	if len(all.Controllers) != 1 {
		return notYet("the Cockpit tells of %d Controllers", len(all.Controllers))
	}
	c := all.Controllers[0]
	switch {
	case c.Problem != nil:
		return notYet("%s", c.Problem.Message)
	case c.Leader == "":
		return notYet("there is no leader")
	case len(c.Members) != g.estate.facts.Controllers:
		return notYet("%d of %d Controllers are there", len(c.Members), g.estate.facts.Controllers)
	}
	for _, m := range c.Members {
		if m.Role != "leader" && m.Role != "follower" {
			return notYet("%s is %s", m.Name, m.Role)
		}
	}
	return nil
}

// addAgents makes the Controller know the Agents and where they are now.
func (g *greeter) addAgents(ctx context.Context) error {
	known, err := g.agents(ctx)
	if err != nil {
		return err
	}
	for _, name := range g.estate.agents() {
		uri := g.estate.uri(name)
		if a, there := known[name]; there && a.Uri == uri {
			continue
		}
		if err := g.addAgent(ctx, name, uri); err != nil {
			return err
		}
	}
	return nil
}

// addAgent deploys the record of an Agent.
func (g *greeter) addAgent(ctx context.Context, name, uri string) error {
	if g.estate.facts.Level != levelHigh {
		in := api.AddAgentRequest{Name: name, Uri: uri, Reason: "signet dev"}
		return g.client.Post(ctx, "/agents", in, true, nil)
	}
	record, err := json.Marshal(map[string]string{"uri": uri})
	if err != nil {
		return err
	}
	key := item.Key{Kind: item.KindAgentRef, Path: name}
	in := api.DeployRequest{Reason: "signet dev"}
	in.Objects, err = g.estate.signed([]objectfile.Object{{Key: key, File: objectfile.FileOf(key), Bytes: record}})
	if err != nil {
		return err
	}
	return g.client.Post(ctx, "/deployments", in, true, nil)
}

func (g *greeter) agents(ctx context.Context) (map[string]api.Agent, error) {
	var list api.Agents
	if err := g.client.Get(ctx, "/agents", nil, &list); err != nil {
		return nil, err
	}
	known := map[string]api.Agent{}
	for _, a := range list.Agents {
		known[a.Name] = a
	}
	return known, nil
}

func (g *greeter) agentsCoupled(ctx context.Context) error {
	known, err := g.agents(ctx)
	if err != nil {
		return err
	}
	for _, name := range g.estate.agents() {
		a := known[name]
		if a.Coupled {
			continue
		}
		if a.Problem != nil {
			return notYet("%s: %s", name, a.Problem.Message)
		}
		return notYet("%s isn't coupled", name)
	}
	return nil
}

// deploySamples deploys the samples and runs one order, once in the life of an
// installation.
func (g *greeter) deploySamples(ctx context.Context) error {
	if g.estate.facts.SampleDone || g.estate.facts.Agents == 0 {
		return nil
	}
	objects, err := objectfile.Collect([]string{"."}, samples.Files())
	if err != nil {
		return err
	}
	in := api.DeployRequest{Reason: "samples of signet dev"}
	for i := range objects {
		objects[i].File = "samples/" + objects[i].File
	}
	if in.Objects, err = g.estate.signed(objects); err != nil {
		return err
	}
	if err := g.client.Post(ctx, "/deployments", in, true, nil); err != nil {
		return err
	}
	order := api.AddOrdersRequest{Workflow: samples.First, Id: samples.FirstOrder, Reason: "sample order of signet dev"}
	var added api.AddOrdersResponse
	if err := g.client.Post(ctx, "/orders", order, true, &added); err != nil {
		return err
	}
	g.estate.facts.SampleDone = true
	if err := g.estate.save(); err != nil {
		return err
	}
	g.say(fmt.Sprintf("the samples are deployed, and order %s runs: signet order show %s", samples.FirstOrder, url.PathEscape(samples.FirstOrder)))
	return nil
}
