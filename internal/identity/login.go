package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// CodeTooManyAttempts is the code of a login that comes too early after failed
// ones; the error is a *TooEarlyError.
const CodeTooManyAttempts = "TooManyAttempts"

// TooEarlyError is the error of a login that has to wait.
type TooEarlyError struct {
	Wait  time.Duration
	fault *fault.Error
}

// TooEarly is the error of attempts of some kind that are to wait.
func TooEarly(wait time.Duration, attempts string) *TooEarlyError {
	return &TooEarlyError{wait, fault.New(fault.Unavailable, CodeTooManyAttempts, "too many failed %s; try again in %s", attempts, wait)}
}

// Error tells how long to wait.
func (e *TooEarlyError) Error() string { return e.fault.Error() }

// Unwrap returns the fault, Unavailable with code TooManyAttempts.
func (e *TooEarlyError) Unwrap() error { return e.fault }

// Logins checks who somebody is. Safe for concurrent use.
type Logins struct {
	Accounts Accounts
	Hasher   *Hasher
	Throttle *Throttle
	Clock    clock.Clock
}

// refused is the one answer to every login that isn't right.
func refused() error {
	return fault.New(fault.Unauthenticated, "LoginFailed", "account or password is wrong, or the account is disabled")
}

// Password returns the account if the password is its own. The work is the same
// whether the account exists, is disabled, has a password, or not.
func (l *Logins) Password(ctx context.Context, name, password, address string) (Account, error) {
	if len(name) > MaxPassword || len(password) > MaxPassword {
		return Account{}, fault.New(fault.TooLarge, "LoginTooLong", "account and password have at most %d bytes each", MaxPassword)
	}
	if wait := l.Throttle.Begin(name, address, l.Clock.Now()); wait > 0 {
		wait = (wait + time.Second - 1).Truncate(time.Second)
		return Account{}, TooEarly(wait, "logins")
	}
	a, err := l.Accounts.Account(ctx, name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Account{}, fmt.Errorf("looking up the account: %w", err)
	}
	hash := a.Hash
	if err != nil || a.Disabled {
		hash = ""
	}
	ok, old, err := l.Hasher.Verify(ctx, hash, password)
	if err != nil {
		return Account{}, err
	}
	if !ok {
		return Account{}, refused()
	}
	l.Throttle.Succeeded(name, address)
	if old {
		if err := l.rehash(ctx, a, password); err != nil {
			return Account{}, err
		}
	}
	return a, nil
}

// rehash brings a hash to the parameters of today.
func (l *Logins) rehash(ctx context.Context, a Account, password string) error {
	fresh, err := l.Hasher.Hash(ctx, password)
	if err != nil {
		var weak *fault.Error
		if errors.As(err, &weak) && weak.Kind == fault.Invalid {
			return nil // set under an older policy: it stays as it is
		}
		return err
	}
	if err := l.Accounts.Rehash(ctx, a.Name, a.Hash, fresh); err != nil {
		return fmt.Errorf("renewing the password's hash: %w", err)
	}
	return nil
}

// Certificate returns the account of a user's client certificate, which the
// handshake has verified. Nothing is slowed down here, so that nobody is locked
// out who has one.
func (l *Logins) Certificate(ctx context.Context, peer pki.Identity) (Account, error) {
	if peer.Role != pki.RoleUser {
		return Account{}, fault.New(fault.Unauthenticated, "NoCertificate", "the connection has no user's client certificate")
	}
	a, err := l.Accounts.Account(ctx, peer.Name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Account{}, fmt.Errorf("looking up the account: %w", err)
	}
	if err != nil || a.Disabled {
		return Account{}, fault.New(fault.Unauthenticated, "LoginFailed", "the client certificate is for %q, which is no account here or a disabled one", peer.Name)
	}
	return a, nil
}
