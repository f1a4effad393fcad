package controller

import (
	"fmt"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// openAgentAccess reads what Agents are called with, and the names of those that
// are known by their certificates' subjects.
func (c *Controller) openAgentAccess(dataDir string) error {
	c.agentCreds = c.creds
	if t := c.set.AgentTLS; t.Keystore != "" {
		t.TrustFiles, t.TrustPassword, t.TrustPasswords, t.CRLFiles = c.set.TLS.TrustFiles, c.set.TLS.TrustPassword, c.set.TLS.TrustPasswords, c.set.TLS.CRLFiles
		files := credentialFiles(t, dataDir)
		files.Renewed = "" // it isn't the part's own
		var err error
		if c.agentCreds, err = transport.LoadCredentialsWith(files, transport.CredentialOptions{Clock: c.clock, Log: c.log}); err != nil {
			return err
		}
	}
	c.agentSubjects = map[string]*pki.Subjects{}
	for _, u := range c.set.AgentSubjects {
		names := map[string]pki.Identity{}
		for _, name := range u.Names {
			names[name] = pki.Identity{Role: pki.RoleAgent, Name: u.Name}
		}
		subjects, err := pki.NewSubjects(names)
		if err != nil {
			return fmt.Errorf("%s: signet.agents.distinguished-names.%s: %w", u.Where, u.Name, err)
		}
		c.agentSubjects[u.Name] = subjects
	}
	return nil
}

// agentClient returns a client of one Agent. It expects that Agent, by the identity
// in its certificate or by the subject that is configured for it.
func (c *Controller) agentClient(agent string) (*transport.Client, error) {
	o := transport.ClientOptions{
		Credentials: c.agentCreds, Log: c.log, Subjects: c.agentSubjects[agent],
		Expect: func(id pki.Identity) bool { return id == pki.Identity{Role: pki.RoleAgent, Name: agent} },
	}
	if password, ok := c.set.AgentPasswords[agent]; ok && c.set.PlainHTTP != "off" {
		o.Plain = &transport.Plain{User: c.set.ID, Password: pki.Secret(password.Reveal()), Anywhere: c.set.PlainHTTP == "anywhere"}
	}
	return transport.NewClient(o)
}

// callable tells what keeps an Agent from being called that has an http address.
func (c *Controller) callable(agent, uri string) error {
	if !strings.HasPrefix(uri, "http:") {
		return nil
	}
	if c.set.PlainHTTP == "off" {
		return fault.New(fault.Invalid, "PlainHTTP", "%s is not called without TLS: signet.agents.plain-http is off", uri)
	}
	if _, ok := c.set.AgentPasswords[agent]; !ok {
		return fault.New(fault.Invalid, "PlainHTTP", "%s is called without TLS only with a password: js7.auth.agents.%s in the Controller's private.conf", uri, agent)
	}
	return nil
}
