package store

import "github.com/signet-scheduler/signet/internal/fault"

// PendingRelease is a release that waits for signatures. Times are in milliseconds
// since the epoch.
type PendingRelease struct {
	ID                                       int64
	Controller, Name, Author, Reason, Digest string
	Objects                                  int
	MadeAt, ExpiresAt                        int64
	Signatures                               []PendingSignature
}

// PendingSignature is a signature of a release that waits for others.
type PendingSignature struct {
	Account  string            `json:"account,omitempty"` // who brought it; empty: it came with the release
	At       int64             `json:"at"`
	Evidence map[string]string `json:"evidence"` // its files by suffix
}

// ReleaseReader reads releases that wait for signatures.
type ReleaseReader interface {
	// PendingReleases returns all, the newest first.
	PendingReleases() ([]PendingRelease, error)
	// PendingRelease returns one with its body: NotFound, UnknownRelease.
	PendingRelease(id int64) (PendingRelease, []byte, error)
}

// ReleaseWriter changes releases that wait for signatures. Errors are those of
// ReleaseReader.
type ReleaseWriter interface {
	// AddPendingRelease is TooLarge, TooManyReleases, when most are there.
	AddPendingRelease(r PendingRelease, body []byte, most int) (id int64, err error)
	// SignPendingRelease adds a signature, in the place of one of the same account.
	// TooLarge, TooManySignatures: there are most.
	SignPendingRelease(id int64, s PendingSignature, most int) error
	DeletePendingRelease(id int64) error
	// DeletePendingReleases forgets those that expired before a time.
	DeletePendingReleases(before int64) error
}

// UnknownRelease is the error about a release that isn't there.
func UnknownRelease() error {
	return fault.New(fault.NotFound, "UnknownRelease", "there is no such release: it was deployed, given up, or its time is over")
}
