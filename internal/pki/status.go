package pki

import (
	"crypto/x509"
	"time"
)

// Standing is what an authority's certificate is there for.
type Standing string

// The standings.
const (
	InForce  Standing = "inForce"  // the root, and the issuer that issues
	Replaced Standing = "replaced" // a root that is trusted until the rotation is finished
	Retired  Standing = "retired"  // an issuer that only revokes
)

// Member is one certificate of the authority itself.
type Member struct {
	Purpose  Purpose
	Cert     *x509.Certificate
	Root     bool
	Standing Standing
	Key      bool      // its key is here
	Until    time.Time // when it ends; of a retired issuer, when the last that it has issued does
}

// Members returns the roots of a purpose, and its issuers, those in force first. Of
// what a finished rotation has dropped, nothing is told.
func (c *CA) Members(p Purpose) ([]Member, error) {
	x, err := readIndex(c.disk, c.dir)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.load(x); err != nil {
		return nil, err
	}
	b := c.branches[p]
	if b.state.waits() {
		return nil, nil
	}
	root := func(cert *x509.Certificate, file string, s Standing) Member {
		return Member{Purpose: p, Cert: cert, Root: true, Standing: s, Key: c.hasKey(p, file), Until: cert.NotAfter}
	}
	all := []Member{root(b.root, b.state.Root, InForce)}
	if b.oldRoot != nil {
		all = append(all, root(b.oldRoot, b.state.OldRoot, Replaced))
	}
	all = append(all, Member{Purpose: p, Cert: b.issuer.cert, Standing: InForce, Key: b.issuer.key != nil, Until: b.issuer.cert.NotAfter})
	for _, i := range b.retired {
		if b.state.over(i.state) {
			continue
		}
		all = append(all, Member{Purpose: p, Cert: i.cert, Standing: Retired, Key: i.key != nil, Until: x.end(p, i.state)})
	}
	return all, nil
}
