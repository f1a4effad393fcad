package cockpit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// How often it is looked which certificates are to be renewed: so many times in the
// life of one, but within these bounds; and how many parts are asked at once.
const (
	sweepsInLife  = 48
	shortestSweep = time.Second
	longestSweep  = time.Hour
	renewAtOnce   = 8
	renewTime     = 20 * time.Second
)

// keepCertificates renews the certificates of parts that have enrolled, until ctx
// ends. A part that can't be reached is asked again at the next sweep: a third of a
// certificate's life is left for that.
func (c *Cockpit) keepCertificates(ctx context.Context) {
	if c.settings.AuthorityDir == "" {
		return
	}
	every := min(max(c.settings.CertValidity/sweepsInLife, shortestSweep), longestSweep)
	for ctx.Err() == nil {
		if err := c.renewAll(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("certificates can't be renewed", "error", err)
		}
		sleep(ctx, c.clock, every)
	}
}

// renewAll asks every part that has enrolled for the certificate that it shows, and
// renews those that are due.
func (c *Cockpit) renewAll(ctx context.Context) error {
	ca, err := c.authority()
	if err != nil {
		return err
	}
	issued, err := ca.List()
	if err != nil {
		return err
	}
	places := make(chan struct{}, renewAtOnce)
	var wg sync.WaitGroup
	defer wg.Wait()
	for id, records := range enrolledParts(issued, c.clock.Now()) {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		wg.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(ctx, renewTime)
			defer cancel()
			if err := c.renewPart(ctx, id, records); err != nil && ctx.Err() == nil {
				c.tellRenewal(id, err)
			}
		})
	}
	return nil
}

// tellRenewal reports what failed; that a part is away is nothing new.
func (c *Cockpit) tellRenewal(id pki.Identity, err error) {
	if fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout) {
		c.log.Debug("a part can't be asked for its certificate", "part", id.String(), "error", err)
		return
	}
	c.log.Warn("a certificate couldn't be renewed; it is tried again", "part", id.String(), "error", err)
}

// enrolledParts returns the records of enrolled parts that are in force.
func enrolledParts(all []pki.Record, now time.Time) map[pki.Identity][]pki.Record {
	parts := map[pki.Identity][]pki.Record{}
	for _, r := range all {
		if r.Enrolled && r.Status(now) == "valid" {
			parts[r.Identity()] = append(parts[r.Identity()], r)
		}
	}
	return parts
}

// renewPart renews the certificate of a part at the Controller that knows it. A part
// that none knows hasn't been added yet, or is gone.
func (c *Cockpit) renewPart(ctx context.Context, id pki.Identity, records []pki.Record) error {
	p := PartName{Agent: id.Name}
	if id.Role == pki.RoleController {
		p = PartName{Member: id.Name}
	}
	for _, h := range c.histories {
		if err := c.renewOne(ctx, h, p, records); !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// renewOne renews the certificate of a part if the one that it shows is an enrolled
// one, and two thirds of its life are over.
func (c *Cockpit) renewOne(ctx context.Context, h *history, p PartName, records []pki.Record) error {
	shown, err := h.controller.Certificate(ctx, p)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(records, func(r pki.Record) bool { return r.Serial == shown.Serial })
	if i < 0 || !due(records[i], c.clock.Now()) {
		return nil // its administrator has given it another one, or it has time
	}
	request, err := h.controller.RequestCertificate(ctx, p)
	if err != nil {
		return err
	}
	csr, err := pki.ParseCSR([]byte(request.Request))
	if err != nil {
		return err
	}
	ca, err := c.authority()
	if err != nil {
		return err
	}
	issued, err := ca.Renew(shown.Serial, pki.RenewParams{Key: pki.KeySource{CSR: csr}, Validity: c.settings.CertValidity, Now: c.clock.Now()})
	if err != nil {
		return err
	}
	if err := h.controller.InstallCertificate(ctx, p, transport.NewCertificate{Certificate: string(pki.EncodeCertsPEM(issued.Chain...))}); err != nil {
		return err
	}
	c.log.Info("a certificate was renewed", "part", records[i].Identity().String(), "serial", issued.Serial, "until", issued.Cert.NotAfter)
	return nil
}

// due tells whether two thirds of a certificate's life are over.
func due(r pki.Record, now time.Time) bool {
	return now.Sub(r.NotBefore) >= r.NotAfter.Sub(r.NotBefore)*2/3
}
