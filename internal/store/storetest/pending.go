package storetest

import (
	"errors"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
)

func testPendingReleases(_ *testing.T, b *bench) {
	one := store.PendingRelease{Controller: "c", Name: "r-1", Author: "ada", Reason: "why\x00", Digest: "d", Objects: 2, MadeAt: 1, ExpiresAt: 5}
	two := one
	two.Name, two.ExpiresAt = "r-2", 9
	two.Signatures = []store.PendingSignature{{At: 1, Evidence: map[string]string{".sig": "s", ".pem": "p"}}}
	body := []byte{0, 255}
	b.write(func(w store.Writer) (err error) {
		if one.ID, err = w.AddPendingRelease(one, []byte{1}, 2); err == nil {
			two.ID, err = w.AddPendingRelease(two, body, 2)
		}
		return err
	})
	b.refused("TooManyReleases", func(w store.Writer) error { _, err := w.AddPendingRelease(one, body, 2); return err })
	one.Signatures = []store.PendingSignature{}
	check := func(want ...store.PendingRelease) {
		b.Helper()
		b.read(func(r store.Reader) error {
			all, err := r.PendingReleases()
			same(b, "PendingReleases", all, want)
			return err
		})
	}
	check(two, one)

	// An account has one signature; what came with the release stays.
	sign := func(account string, at int64) error {
		return b.db.Write(b.Context(), func(w store.Writer) error {
			return w.SignPendingRelease(two.ID, store.PendingSignature{Account: account, At: at, Evidence: map[string]string{".passkey": "{}"}}, 3)
		})
	}
	if err := errors.Join(sign("bob", 2), sign("eve", 3), sign("bob", 4)); err != nil {
		b.Fatal(err)
	}
	b.refused("TooManySignatures", func(w store.Writer) error {
		return w.SignPendingRelease(two.ID, store.PendingSignature{Account: "carl"}, 3)
	})
	b.refused("UnknownRelease", func(w store.Writer) error { return w.SignPendingRelease(two.ID+9, store.PendingSignature{}, 3) })
	passkey := map[string]string{".passkey": "{}"}
	two.Signatures = append(two.Signatures, store.PendingSignature{Account: "bob", At: 4, Evidence: passkey}, store.PendingSignature{Account: "eve", At: 3, Evidence: passkey})
	b.read(func(r store.Reader) error {
		got, text, err := r.PendingRelease(two.ID)
		same(b, "PendingRelease", got, two)
		same(b, "its body", text, body)
		return err
	})

	b.write(func(w store.Writer) error { return w.DeletePendingReleases(6) })
	check(two)
	b.write(func(w store.Writer) error { return w.DeletePendingRelease(two.ID) })
	b.refused("UnknownRelease", func(w store.Writer) error { return w.DeletePendingRelease(two.ID) })
	b.refused("UnknownRelease", func(w store.Writer) error { _, _, err := w.PendingRelease(two.ID); return err })
}
