package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/store"
)

// Texts are kept, compared and sorted byte by byte, whatever they hold.
func testTexts(_ *testing.T, b *bench) {
	odd := []string{"", "\x00", "\x00\x00", "D", "C", "Y", "\\", "\\x41", "_", "a", "a\x00", "a\x00b", "a'b", "a\nb", "b", "?", "$1", "é", "e\u0301", "z", "\xff\xfe", "\U0001F600"}
	slices.Sort(odd)
	b.write(func(w store.Writer) error {
		var errs []error
		for i, text := range odd {
			s := step("c", int64(1000+i), text, text)
			s.Label, s.Job, s.Outcome, s.Log.Problem = text, text, text, text
			errs = append(errs, w.AddStep(s), w.AddAccount(store.Account{Name: text, Role: "r"}),
				w.PutOrder(store.Order{Controller: text, ID: text, Root: text, State: text, Label: text, Job: text, Body: []byte(text)}))
		}
		_, err := w.AddAudit(store.AuditEntry{Objects: []string{"a\x00b"}, Reason: "a\x00b\xff"})
		return errors.Join(append(errs, err)...)
	})
	b.read(func(r store.Reader) error {
		all, err := r.Accounts()
		var names []string
		for _, a := range all {
			names = append(names, a.Name)
		}
		same(b, "names", names, odd)
		errs := []error{err}
		for i, text := range odd {
			s, err := r.Step(store.StepKey{Controller: "c", Event: int64(1000 + i)})
			same(b, "texts of a step", []string{s.OrderID, s.Root, s.Label, s.Job, s.Outcome, s.Log.Problem}, []string{text, text, text, text, text, text})
			var err2 error
			if text != "" { // which stands for all
				var of []store.Step
				of, err2 = r.Steps(store.StepQuery{Controller: "c", Root: text, Order: text, Limit: 9})
				same(b, fmt.Sprintf("steps of %q", text), len(of), 1)
			}
			o, err3 := r.Order(text, text)
			same(b, "order", []string{o.Controller, o.ID, o.State, o.Label, o.Job, string(o.Body)}, []string{text, text, text, text, text, text})
			errs = append(errs, err, err2, err3)
		}
		audit, _, err := r.Audit(store.AuditQuery{Limit: 1})
		same(b, "audit", []string{audit[0].Reason, audit[0].Objects[0]}, []string{"a\x00b\xff", "a\x00b"})
		return errors.Join(append(errs, err)...)
	})
}

// Two programs on one database: of two that move the position on from the same
// event, one does. Nothing has to be repeated.
func testTwo(t *testing.T, b *bench) {
	second := b.open()
	defer func() {
		if err := second.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	const rounds = 20
	var moved [2]int
	for from := range int64(rounds) {
		var wg sync.WaitGroup
		for i, db := range []store.Store{b.db, second} {
			wg.Go(func() {
				calls := 0
				err := db.Write(context.Background(), func(w store.Writer) error {
					calls++
					if err := w.AddStep(step("c", 1000+2*from+int64(i), "O", "O")); err != nil {
						return err
					}
					return w.SetPosition("c", from, from+1)
				})
				switch {
				case err == nil:
					moved[i]++
				case !fault.HasCode(err, "PositionMoved"):
					t.Errorf("moving from %d: %v", from, err)
				}
				if calls != 1 {
					t.Errorf("called %d times", calls)
				}
			})
		}
		wg.Wait()
	}
	same(b, "moved", moved[0]+moved[1], rounds)
	b.read(func(r store.Reader) error {
		p, err := r.Position("c")
		same(b, "position", p, int64(rounds))
		steps, err2 := r.Steps(store.StepQuery{Limit: 1000})
		same(b, "steps", len(steps), rounds)
		return errors.Join(err, err2)
	})
}

// Of many rows one is there already: the write fails, however late that is noticed,
// and nothing of it stays. What was written before is read in between.
func testMany(_ *testing.T, b *bench) {
	many := func(w store.Writer, first int64) error {
		for i := range int64(450) {
			if err := w.AddStep(step("c", first+i, "O", "O")); err != nil {
				return err
			}
		}
		return nil
	}
	b.refused("DuplicateStep", func(w store.Writer) error { return errors.Join(many(w, 1), w.AddStep(step("c", 7, "O", "O"))) })
	b.refused("DuplicateStep", func(w store.Writer) error { return errors.Join(w.AddStep(step("c", 7, "O", "O")), many(w, 1)) })
	b.refused("UnknownStep", func(w store.Writer) error {
		return errors.Join(w.EndStep(store.StepKey{Controller: "c", Event: 1}, store.StepEnd{End: 1}, store.LogPending), w.AddStep(step("c", 1, "O", "O")))
	})
	b.write(func(w store.Writer) error {
		if err := many(w, 1); err != nil {
			return err
		}
		all, err := w.Steps(store.StepQuery{Limit: 1000})
		same(b, "steps in the transaction", len(all), 450)
		return err
	})
	b.read(func(r store.Reader) error {
		all, err := r.Steps(store.StepQuery{Limit: 1000})
		same(b, "steps", len(all), 450)
		return err
	})
}

// Fill writes something to every table, for tests that copy or migrate.
func Fill(w store.Writer) error {
	s := step("c", 1000, "O|x\x00", "O")
	s.ReturnCode = nil
	_, err := w.AddAudit(store.AuditEntry{Time: 1, Account: "a", Objects: []string{"Order:O"}, Reason: "r\x00\xff"})
	_, kept := w.AddPendingRelease(store.PendingRelease{Controller: "c", Name: "n\x00", Author: "a", Reason: "r", Digest: "d", Objects: 1, MadeAt: 1, ExpiresAt: 2}, []byte{0, 255}, 10)
	_, filter := w.PutFilter(store.Filter{Owner: "Anna", Page: "history", Name: "n", Query: "{}"}, 0, 10)
	return errors.Join(err,
		w.AddAccount(store.Account{Name: "Anna", Role: "administrator", PasswordHash: "h", CreatedAt: 1}),
		w.AddSession(store.Session{Hash: [32]byte{1, 0, 255}, Account: "Anna", ExpiresAt: 2}),
		w.SetPosition("c", 0, 1<<53),
		w.PutOrder(store.Order{Controller: "c", ID: "O", Root: "O", Run: 1, Ended: true, EndedAt: -1, Body: []byte{0, 255}}),
		w.AddStep(step("c", 999, "O", "O")), w.AddStep(s),
		w.AddLogChunk(s.StepKey, 0, []byte{0, 1, 255}),
		w.AddRun(store.Run{RunKey: s.StepKey, OrderID: "O|x\x00", Workflow: "W"}),
		w.AddHour(store.Hour{Controller: "c", Hour: 1, Succeeded: 2}),
		filter, kept,
		w.PutBulletin(store.Bulletin{Kind: "CRL", ID: "i", Version: "1", Text: "t\x00"}),
		w.SetFact("security-level", "medium"),
		w.AddPasskey(store.Passkey{ID: []byte{0, 255}, Account: "Anna", Name: "n", PublicKey: []byte{255}, RPID: "h", Origin: "https://h", MadeAt: 1, LastUsedAt: 2}),
		w.PutAccountKey(store.AccountKey{Account: "Anna", Kind: "X509", KeyID: "k", Signer: "s", Origin: "imported", MadeAt: 1, Sealed: []byte{0, 255}}),
		w.AddEnrolment(store.Enrolment{Hash: [32]byte{1, 0, 255}, Role: "agent", Name: "a", Authority: []byte{0, 255}, ExpiresAt: 2}),
		fillInventory(w),
	)
}

func fillInventory(w store.Writer) error {
	o := store.Object{Kind: "W", Path: "f/x", Title: "t\x00\xff", Folded: "f/x", State: "changed", Format: "json", Deployed: 1}
	draft := "draft\x00"
	var err error
	x := &store.ObjectIndex{Texts: draft, References: []store.ObjectKey{{Kind: "A", Path: "agent"}}}
	if o.ID, err = w.PutObject(&o, &draft, x); err != nil {
		return err
	}
	version, err := w.AddVersion(store.ObjectVersion{Object: o.ID, Controller: "c", Event: 1, Version: "1", Format: "json", Text: "{}", Reason: "r\x00"})
	if err != nil {
		return err
	}
	_, err = w.SetDeployment(o.ID, "c", version)
	o.Revision, o.Current = 1, version
	_, err2 := w.PutObject(&o, nil, nil)
	id, err3 := w.OpenDeployment("c")
	return errors.Join(err, err2, err3, w.AddDeployment("c", "cmd", "why", 5),
		w.AddDeploymentObject(store.DeploymentObject{Deployment: id, Event: 1, Kind: "W", Path: "f/x", Object: o.ID, Version: version, Signer: "s\x00", Change: store.DeploymentAdded}))
}
