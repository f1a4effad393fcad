package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
)

// tokenPrefix lets scanners for leaked secrets find tokens.
const tokenPrefix = "sgn_"

// tokenSize is in bytes: 256 bits can't be guessed.
const tokenSize = 32

// NewToken returns a random token, and the hash by which it is known.
func NewToken() (token string, hash [32]byte) {
	b := random(tokenSize)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b), sha256.Sum256(b)
}

// HashToken returns the hash of a token; ok is false when it can't be one.
func HashToken(token string) (hash [32]byte, ok bool) {
	text, found := strings.CutPrefix(token, tokenPrefix)
	// Strict: else one token could be written in several ways.
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if !found || err != nil || len(b) != tokenSize {
		return hash, false
	}
	return sha256.Sum256(b), true
}

// Session is a login that lasts.
type Session struct {
	Hash        [32]byte // of its token
	Account     Account
	Method      Method
	Certificate string // name in the client certificate that calls must show
	LastUsed    time.Time
	Expires     time.Time
}

// SessionStore is where sessions are kept. Only hashes of tokens get there.
type SessionStore interface {
	// Session returns a session with its account as it is now; NotFound.
	Session(ctx context.Context, hash [32]byte) (Session, error)
	AddSession(ctx context.Context, s Session) error
	TouchSession(ctx context.Context, hash [32]byte, at time.Time) error
}

// Sessions begins and checks sessions. Safe for concurrent use.
type Sessions struct {
	Store SessionStore
	Clock clock.Clock
	Idle  time.Duration // a session ends after so long without a call
	Max   time.Duration // and after so long in any case
}

// Begin begins a session of an account and returns its token, which is kept
// nowhere.
func (s *Sessions) Begin(ctx context.Context, a Account, m Method) (token string, session Session, err error) {
	token, hash := NewToken()
	now := s.Clock.Now()
	session = Session{Hash: hash, Account: a, Method: m, LastUsed: now, Expires: now.Add(s.Max)}
	if m == ByCertificate {
		session.Certificate = a.Name
	}
	if err := s.Store.AddSession(ctx, session); err != nil {
		return "", Session{}, err
	}
	return token, session, nil
}

// Check returns the session of a token, for a call from peer. It is
// Unauthenticated, SessionUnknown or SessionExpired.
func (s *Sessions) Check(ctx context.Context, token string, peer pki.Identity) (Session, error) {
	unknown := fault.New(fault.Unauthenticated, "SessionUnknown", "there is no such session (any more); log in again")
	hash, ok := HashToken(token)
	if !ok {
		return Session{}, unknown
	}
	session, err := s.Store.Session(ctx, hash)
	if fault.Is(err, fault.NotFound) || err == nil && session.Account.Disabled {
		return Session{}, unknown
	}
	if err != nil {
		return Session{}, err
	}
	if session.Certificate != "" && peer != (pki.Identity{Role: pki.RoleUser, Name: session.Certificate}) {
		return Session{}, fault.New(fault.Unauthenticated, "CertificateMissing", "the session was begun with a client certificate, which this connection doesn't have")
	}
	now := s.Clock.Now()
	if !now.Before(session.Expires) || now.Sub(session.LastUsed) >= s.Idle {
		return Session{}, fault.New(fault.Unauthenticated, "SessionExpired", "the session has expired; log in again")
	}
	// Not at every call: a write for each read would be too many.
	if now.Sub(session.LastUsed) >= min(time.Minute, s.Idle/10) {
		err := s.Store.TouchSession(ctx, hash, now)
		if fault.Is(err, fault.NoSpace) {
			return session, nil // the session ends the earlier for it, but people can look what is wrong
		}
		if err != nil {
			return Session{}, err
		}
		session.LastUsed = now
	}
	return session, nil
}
