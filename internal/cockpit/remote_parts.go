package cockpit

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
)

// Members implements Controller.
func (r *Remote) Members() []string {
	names := make([]string, len(r.members))
	for i, m := range r.members {
		names[i] = m.name
	}
	return names
}

// Deliver implements Controller.
func (r *Remote) Deliver(ctx context.Context, member string, d bulletin.Delivery) (receipt bulletin.Receipt, err error) {
	i := r.named(member)
	if i < 0 {
		return receipt, unknownMember(member)
	}
	body, err := json.Marshal(d)
	if err != nil {
		return receipt, fault.Wrap(fault.Internal, "EncodingFailed", err, "trust material can't be encoded")
	}
	err = askOnce(ctx, r.members[i], http.MethodPost, "/bulletin", body, &receipt)
	return receipt, err
}

// Certificate implements Controller.
func (r *Remote) Certificate(ctx context.Context, p PartName) (shown transport.Shown, err error) {
	err = r.atPart(ctx, p, http.MethodGet, "/certificate", nil, &shown)
	return shown, err
}

// RequestCertificate implements Controller.
func (r *Remote) RequestCertificate(ctx context.Context, p PartName) (request transport.CertificateRequest, err error) {
	err = r.atPart(ctx, p, http.MethodPost, "/certificate/request", nil, &request)
	return request, err
}

// InstallCertificate implements Controller.
func (r *Remote) InstallCertificate(ctx context.Context, p PartName, n transport.NewCertificate) error {
	body, err := json.Marshal(n)
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "the certificate can't be encoded")
	}
	var shown transport.Shown
	return r.atPart(ctx, p, http.MethodPost, "/certificate", body, &shown)
}

// atPart makes one request to a member, or by way of the leader to an Agent.
func (r *Remote) atPart(ctx context.Context, p PartName, method, path string, body []byte, out any) error {
	if p.Agent != "" {
		return r.call(ctx, method, "/agent/"+segment(p.Agent)+path, body, out)
	}
	i := r.named(p.Member)
	if i < 0 {
		return unknownMember(p.Member)
	}
	return askOnce(ctx, r.members[i], method, path, body, out)
}
