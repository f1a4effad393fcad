package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

func testBulletins(_ *testing.T, b *bench) {
	one, two := store.Bulletin{Kind: "CRL", ID: "a", Version: "1", Text: "one"}, store.Bulletin{Kind: "CRL", ID: "b", Version: "7", Text: "two"}
	b.write(func(w store.Writer) error { return errors.Join(w.PutBulletin(two), w.PutBulletin(one)) })
	one.Version, one.Text = "2", "newer"
	b.write(func(w store.Writer) error { return w.PutBulletin(one) })
	b.read(func(r store.Reader) error {
		all, err := r.Bulletins()
		same(b, "Bulletins", all, []store.Bulletin{one, two})
		return err
	})
}

func testEnrolments(_ *testing.T, b *bench) {
	first := store.Enrolment{
		Hash: [32]byte{1, 31: 255}, Role: "agent", Name: "a", Hosts: []string{"host"}, Controller: "c", Authority: []byte{0, 1}, MadeBy: "Admin", MadeAt: 10, ExpiresAt: 100,
	}
	second, other := first, first
	second.Hash, second.Hosts = [32]byte{2}, []string{}
	other.Hash, other.Name = [32]byte{3}, "b"
	b.write(func(w store.Writer) error { return errors.Join(w.AddEnrolment(first), w.AddEnrolment(other)) })
	b.read(func(r store.Reader) error {
		got, err := r.Enrolment(first.Hash)
		same(b, "Enrolment", got, first)
		return err
	})
	// Another one for the same part replaces it.
	b.write(func(w store.Writer) error { return w.AddEnrolment(second) })
	b.refused("EnrolmentOver", func(w store.Writer) error { return w.UseEnrolment(first.Hash, 20) })
	b.refused("EnrolmentOver", func(w store.Writer) error { return w.UseEnrolment(second.Hash, 100) })
	// However many try at once, one gets it.
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := b.db.Write(b.Context(), func(w store.Writer) error { return w.UseEnrolment(second.Hash, 20) })
			switch {
			case err == nil:
				won.Add(1)
			case !fault.HasCode(err, "EnrolmentOver"):
				b.Error(err)
			}
		})
	}
	wg.Wait()
	same(b, "uses", won.Load(), int64(1))
	b.read(func(r store.Reader) error {
		got, err := r.Enrolment(second.Hash)
		same(b, "UsedAt", got.UsedAt, int64(20))
		return err
	})
	b.write(func(w store.Writer) error { return w.DeleteEnrolments(101) })
	b.read(func(r store.Reader) error {
		if _, err := r.Enrolment(other.Hash); !fault.HasCode(err, "UnknownEnrolment") {
			b.Errorf("an expired token is still there: %v", err)
		}
		return nil
	})
}
