package sqlite

import (
	"context"

	"github.com/signet-scheduler/signet/internal/store"
)

// Lease implements store.Store: one program at a time uses the file, and has it.
func (d *DB) Lease(_ context.Context, q store.LeaseRequest) (store.Lease, error) {
	return store.Lease{Held: q.For > 0, Forever: true, Term: 1, Reader: q.Reader}, nil
}

// Announce implements store.Store: there is nobody to tell.
func (d *DB) Announce(context.Context, string) error { return nil }

// Watch implements store.Store: there is nobody to have news of.
func (d *DB) Watch(ctx context.Context, _ func(store.News)) error {
	<-ctx.Done()
	return failure(ctx.Err())
}
