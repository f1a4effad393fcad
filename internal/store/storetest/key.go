package storetest

import (
	"errors"
	"testing"

	"github.com/signet-scheduler/signet/internal/store"
)

func testFacts(_ *testing.T, b *bench) {
	b.write(func(w store.Writer) error { return errors.Join(w.SetFact("a", "1"), w.SetFact("b", "2")) })
	b.write(func(w store.Writer) error { return w.SetFact("a", "3") })
	b.read(func(r store.Reader) error {
		a, err1 := r.Fact("a")
		none, err2 := r.Fact("c")
		same(b, "a", a, "3")
		same(b, "c", none, "")
		return errors.Join(err1, err2)
	})
}

func testAccountKeys(_ *testing.T, b *bench) {
	one := store.AccountKey{
		Account: "Anna", Kind: "X509", KeyID: "k", Signer: "s", Certificates: "c", ExpiresAt: 9, Origin: "generated", MadeAt: 1, Sealed: []byte{0, 1, 255},
	}
	two := one
	two.Account, two.KeyID = "bob", "l"
	b.refused("UnknownAccount", func(w store.Writer) error { return w.PutAccountKey(one) })
	b.write(func(w store.Writer) error {
		return errors.Join(w.AddAccount(store.Account{Name: "Anna", Role: "administrator"}), w.AddAccount(store.Account{Name: "bob", Role: "viewer"}),
			w.PutAccountKey(two), w.PutAccountKey(one))
	})
	one.KeyID, one.Sealed = "m", []byte{2}
	b.write(func(w store.Writer) error { return w.PutAccountKey(one) })
	b.read(func(r store.Reader) error {
		all, err1 := r.AccountKeys()
		got, err2 := r.AccountKey("Anna")
		same(b, "AccountKeys", all, []store.AccountKey{one, two})
		same(b, "AccountKey", got, one)
		return errors.Join(err1, err2)
	})
	// A key goes with its account.
	b.write(func(w store.Writer) error { return w.DeleteAccount("bob") })
	b.refused("UnknownAccountKey", func(w store.Writer) error { _, err := w.AccountKey("bob"); return err })
	b.refused("UnknownAccountKey", func(w store.Writer) error { return w.DeleteAccountKey("bob") })
	b.write(func(w store.Writer) error { return w.DeleteAccountKey("Anna") })
	b.refused("UnknownAccountKey", func(w store.Writer) error { _, err := w.AccountKey("Anna"); return err })
}

func testPasskeys(_ *testing.T, b *bench) {
	one := store.Passkey{ID: []byte{0, 255}, Account: "Anna", Name: "blue", PublicKey: []byte{1, 0}, RPID: "host", Origin: "https://host", BackupEligible: true, MadeAt: 2}
	two := one
	two.ID, two.Name, two.BackupEligible, two.MadeAt = []byte{1}, "red", false, 1
	b.refused("UnknownAccount", func(w store.Writer) error { return w.AddPasskey(one) })
	b.write(func(w store.Writer) error {
		return errors.Join(w.AddAccount(store.Account{Name: "Anna", Role: "administrator"}), w.AddPasskey(one), w.AddPasskey(two))
	})
	b.refused("DuplicatePasskey", func(w store.Writer) error { return w.AddPasskey(one) })
	list := func(want ...store.Passkey) {
		b.read(func(r store.Reader) error {
			all, err := r.Passkeys("Anna")
			same(b, "Passkeys", all, want)
			return err
		})
	}
	list(two, one)
	for _, change := range []func(w store.Writer, account string) error{
		func(w store.Writer, account string) error { return w.RenamePasskey(account, one.ID, "navy") },
		func(w store.Writer, account string) error { return w.PasskeyUsed(account, one.ID, 7) },
	} {
		b.refused("UnknownPasskey", func(w store.Writer) error { return change(w, "bob") })
		b.write(func(w store.Writer) error { return change(w, "Anna") })
	}
	one.Name, one.LastUsedAt = "navy", 7
	list(two, one)
	b.refused("UnknownPasskey", func(w store.Writer) error { return w.DeletePasskey("bob", one.ID) })
	b.write(func(w store.Writer) error { return w.DeletePasskey("Anna", one.ID) })
	list(two)
	b.write(func(w store.Writer) error { return w.DeleteAccount("Anna") })
	list()
}
