package cockpit

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// authority opens the certificate authority of this Cockpit. It is opened for
// each use, since "signet ca" works on the same folder.
func (c *Cockpit) authority() (*pki.CA, error) {
	if c.settings.AuthorityDir == "" {
		return nil, fault.New(fault.NotFound, "NoAuthority", "this Cockpit has no certificate authority: name its folder by signet.cockpit.authority.directory, or ask the Cockpit that has it")
	}
	return pki.OpenCA(c.deps.FS, c.settings.AuthorityDir)
}

// authorityOfParts opens the authority, where it issues for parts already.
func (c *Cockpit) authorityOfParts() (*pki.CA, error) {
	ca, err := c.authority()
	if err == nil {
		err = ca.Established(pki.PurposeNode)
	}
	return ca, err
}

// checkAuthority opens the authority once, to find at the start what is wrong with
// it. At the level high nobody can sign at the Cockpit, nor make who can.
func (c *Cockpit) checkAuthority() error {
	if c.settings.AuthorityDir == "" {
		return nil
	}
	ca, err := c.authority()
	if err != nil {
		return err
	}
	if c.settings.SecurityLevel == levelHigh && ca.HoldsKey(pki.PurposeSigning) {
		return fault.New(fault.Invalid, "SignersKeyHere",
			"at the security level high, a Cockpit must not be able to make signers: keep the keys in the folder signing of %s elsewhere, those of the root and of issuers that were replaced included, and send its lists by \"signet certificate publish\"", c.settings.AuthorityDir)
	}
	return nil
}

// How often the authority's lists are looked at, and how long before its end a
// list is made anew.
const (
	lookAtLists = time.Second
	renewList   = 10 * 24 * time.Hour
	settled     = 3 * time.Second
)

// keepLists sends out the authority's revocation lists whenever they change, and
// makes them anew before they are out of date, until ctx ends.
func (c *Cockpit) keepLists(ctx context.Context) {
	if c.settings.AuthorityDir == "" {
		return
	}
	seen := map[pki.Purpose]string{}
	var told string
	for ctx.Err() == nil {
		problem := ""
		for _, p := range pki.Purposes() {
			if err := c.lookAtList(ctx, p, seen); err != nil {
				problem = err.Error()
			}
		}
		if problem != "" && problem != told && ctx.Err() == nil {
			c.log.Error("a revocation list of the authority can't be sent out", "error", problem)
		}
		told = problem
		sleep(ctx, c.clock, lookAtLists)
	}
}

// lookAtList publishes the lists of a purpose if their file isn't the one that was seen.
func (c *Cockpit) lookAtList(ctx context.Context, p pki.Purpose, seen map[pki.Purpose]string) error {
	path := pki.CRLFile(c.settings.AuthorityDir, p)
	info, err := c.deps.FS.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && c.waits(p) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, "FileUnreadable", err, "%s can't be read", path)
	}
	// Its age is looked at once an hour.
	stamp := info.ModTime.String() + c.clock.Now().Truncate(time.Hour).String()
	if stamp == seen[p] {
		return nil
	}
	ca, err := c.authority()
	if err != nil {
		return err
	}
	lists, err := pki.ReadCRLs(path)
	if err != nil {
		return err
	}
	if ca.Issues(p) && (ca.Lacks(p, lists) || c.clock.Now().Add(renewList).After(lists[0].NextUpdate)) {
		_, err := ca.CRL(p, c.clock.Now())
		return err // the file is another now, and is looked at next
	}
	for _, list := range lists {
		if err := c.publishList(ctx, ca, p, list); err != nil {
			return err
		}
	}
	// A file as young as this may change again without another time.
	if c.clock.Now().Sub(info.ModTime) > settled {
		seen[p] = stamp
	}
	return nil
}

// waits tells whether a company is to certify the first issuer of a purpose.
func (c *Cockpit) waits(p pki.Purpose) bool {
	ca, err := c.authority()
	return err == nil && ca.Established(p) != nil
}

// publishList publishes the list of one issuer of the authority.
func (c *Cockpit) publishList(ctx context.Context, ca *pki.CA, p pki.Purpose, list *x509.RevocationList) error {
	issuers := ca.IssuersOf(p, list)
	if len(issuers) == 0 {
		return nil // of one that is gone; the file is made anew without it
	}
	n, err := bulletin.NewCRL(list.Raw, issuers...)
	if err != nil {
		return err
	}
	if err := c.publish(ctx, n); err != nil && !bulletin.IsOlder(err) {
		return err
	}
	return nil
}
