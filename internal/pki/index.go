package pki

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// Record is what the authority remembers of a certificate it has issued.
type Record struct {
	Serial    string       `json:"serial"` // lower-case hexadecimal
	Purpose   Purpose      `json:"purpose"`
	Role      Role         `json:"role"`
	Name      string       `json:"name"`
	DNSNames  []string     `json:"dnsNames,omitempty"`
	IPs       []string     `json:"ips,omitempty"`
	Algorithm KeyAlgorithm `json:"keyAlgorithm,omitempty"` // empty: the key was made elsewhere
	NotBefore time.Time    `json:"notBefore"`
	NotAfter  time.Time    `json:"notAfter"`
	Renews    string       `json:"renews,omitempty"`   // serial of the certificate it follows
	Issuer    string       `json:"issuer,omitempty"`   // its issuer's file; empty: "issuer"
	Enrolled  bool         `json:"enrolled,omitempty"` // the part renews it by itself
	RevokedAt *time.Time   `json:"revokedAt,omitempty"`
	Reason    Reason       `json:"reason,omitempty"`
}

// Identity returns whom the certificate speaks for.
func (r Record) Identity() Identity { return Identity{Role: r.Role, Name: r.Name} }

// Status returns "valid", "revoked", "expired" or "notYetValid" at now.
func (r Record) Status(now time.Time) string {
	switch {
	case r.RevokedAt != nil:
		return "revoked"
	case now.After(r.NotAfter):
		return "expired"
	case now.Before(r.NotBefore):
		return "notYetValid"
	}
	return "valid"
}

// index is the authority's memory, one JSON file replaced in one step. Records
// are never dropped: with a clock gone wrong, forgetting what has ended would
// bring revoked certificates back. But those of short-lived certificates go that
// have ended without being revoked: there would be one for each part and day.
type index struct {
	Version      int               `json:"version"`
	Organization string            `json:"organization"`
	LeafValidity time.Duration     `json:"leafValidity"` // nanoseconds
	CRLValidity  time.Duration     `json:"crlValidity"`  // nanoseconds
	CRLNumbers   map[Purpose]int64 `json:"crlNumbers"`
	Certificates []Record          `json:"certificates"`
	// Branches tells of each purpose that was rotated which files count.
	Branches map[Purpose]branchState `json:"branches,omitempty"`
}

const (
	indexVersion    = 1
	enrolledVersion = 2 // a record says that it was enrolled
	rotatedVersion  = 3 // issuers have been replaced
	indexFile       = "index.json"
)

func readIndex(disk fsys.FS, dir string) (*index, error) {
	path := filepath.Join(dir, indexFile)
	data, err := readFile(disk, path, maxIndexFile, false)
	if err != nil {
		return nil, err
	}
	var x index
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil {
		return nil, fault.Wrap(fault.Corrupt, "CorruptIndex", err, "the index of issued certificates is damaged; restore it from a backup").About(path)
	}
	if x.Version < indexVersion || x.Version > rotatedVersion {
		return nil, fault.New(fault.Corrupt, "CorruptIndex", "the index has version %d, this program knows versions up to %d", x.Version, rotatedVersion).About(path)
	}
	for p, s := range x.Branches {
		if _, err := ParsePurpose(string(p)); err != nil || !s.valid() {
			return nil, fault.New(fault.Corrupt, "CorruptIndex", "what the index says of the authority of %q is damaged; restore it from a backup", clip(string(p))).About(path)
		}
	}
	if x.CRLNumbers == nil {
		x.CRLNumbers = map[Purpose]int64{}
	}
	return &x, nil
}

func (x *index) write(disk fsys.FS, dir string) error {
	data, err := json.MarshalIndent(x, "", " ")
	if err != nil {
		return err
	}
	return writeFile(disk, filepath.Join(dir, indexFile), append(data, '\n'))
}

// keepEnded is how long the record of an enrolled certificate stays after its end.
const keepEnded = 48 * time.Hour

// dropEnded drops what enrolled parts have had before, and returns the serials.
func (x *index) dropEnded(now time.Time) (serials []string) {
	x.Certificates = slices.DeleteFunc(x.Certificates, func(r Record) bool {
		gone := r.Enrolled && r.RevokedAt == nil && now.After(r.NotAfter.Add(keepEnded))
		if gone {
			serials = append(serials, r.Serial)
		}
		return gone
	})
	return serials
}

// find returns the record of a serial number.
func (x *index) find(serial string) (*Record, error) {
	for i := range x.Certificates {
		if x.Certificates[i].Serial == serial {
			return &x.Certificates[i], nil
		}
	}
	return nil, fault.New(fault.NotFound, "UnknownCertificate",
		"no certificate with serial %q was issued here; see \"signet ca list\"", clip(serial))
}
