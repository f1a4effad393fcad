package cockpit

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/fault"
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
