package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds on passwords.
const (
	MinPassword = 12   // characters
	MaxPassword = 1024 // bytes
)

// HashOptions says how hard it is to hash a password. Zero fields mean the
// defaults, which are meant for production.
type HashOptions struct {
	MemoryKiB uint32 // 65536
	Passes    uint32 // 3
	AtOnce    int    // hashes computed at the same time, 2: each needs MemoryKiB
	Waiting   int    // logins that wait for their turn; those beyond are refused, 64
}

// Hasher hashes passwords by argon2id. Safe for concurrent use.
type Hasher struct {
	opts  HashOptions
	turn  chan struct{} // one element for each hash being computed
	queue chan struct{} // one for each that is computed or waits
	dummy string
}

// NewHasher returns a hasher.
func NewHasher(o HashOptions) *Hasher {
	if o.MemoryKiB == 0 {
		o.MemoryKiB = 64 << 10
	}
	if o.Passes == 0 {
		o.Passes = 3
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 2
	}
	if o.Waiting <= 0 {
		o.Waiting = 64
	}
	h := &Hasher{opts: o, turn: make(chan struct{}, o.AtOnce), queue: make(chan struct{}, o.AtOnce+o.Waiting)}
	// A hash that no password has: what is compared is the whole of it, but it
	// is not the result of any computation.
	h.dummy = h.encode(random(saltSize), random(keySize))
	return h
}

// largeHash is from which size on a hash's memory is given back at once, in KiB.
const largeHash = 16 << 10

const (
	saltSize = 16
	keySize  = 32
	lanes    = 1
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}

// encode writes a hash in the form that other programs know it in.
func (h *Hasher) encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.opts.MemoryKiB, h.opts.Passes, lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// hashed is a hash taken apart.
type hashed struct {
	memory, passes uint32
	salt, key      []byte
}

// Bounds on stored hashes: nobody who can write one can make a login take for
// ever.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 20
)

func decode(text string) (p hashed, err error) {
	bad := fault.New(fault.Corrupt, "BadPasswordHash", "a stored password hash can't be read")
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return p, bad
	}
	var threads int
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &threads); n != 3 || err != nil || threads != lanes {
		return p, bad
	}
	if p.memory < 8 || p.memory > maxMemoryKiB || p.passes < 1 || p.passes > maxPasses {
		return p, bad
	}
	p.salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || len(p.salt) < 8 || len(p.salt) > 64 {
		return p, bad
	}
	p.key, err = base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(p.key) != keySize {
		return p, bad
	}
	return p, nil
}

// CheckPassword tells what is wrong with a password that is to be set.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return fault.New(fault.Invalid, "WeakPassword", "the password is no valid UTF-8")
	case utf8.RuneCountInString(password) < MinPassword:
		return fault.New(fault.Invalid, "WeakPassword", "the password has less than %d characters", MinPassword)
	case len(password) > MaxPassword:
		return fault.New(fault.Invalid, "WeakPassword", "the password has more than %d bytes", MaxPassword)
	}
	return nil
}

// RandomPassword returns a password that nobody can guess, of letters and digits.
func RandomPassword() string { return rand.Text() }

// Hash returns the hash of a new password, in the form that is stored.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := random(saltSize)
	return h.encode(salt, argon2.IDKey([]byte(password), salt, h.opts.Passes, h.opts.MemoryKiB, lanes, keySize)), nil
}

// Verify tells whether password is the one behind hash; old tells that the hash
// was made with other parameters than ours. An empty hash takes the same work,
// and is nobody's.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, old bool, err error) {
	exists := hash != ""
	if !exists {
		hash = h.dummy
	}
	p, err := decode(hash)
	if err != nil {
		return false, false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	key := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, lanes, keySize)
	same := subtle.ConstantTimeCompare(key, p.key) == 1
	return same && exists, p.memory != h.opts.MemoryKiB || p.passes != h.opts.Passes, nil
}

// enter waits for a turn: a flood of logins must not take all memory.
func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.queue <- struct{}{}:
	default:
		return fault.New(fault.Unavailable, "TooManyLogins", "too many logins at once; try again in a moment")
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-h.queue
		return fault.Wrap(fault.Timeout, "LoginCanceled", ctx.Err(), "the login was not waited for")
	}
}

func (h *Hasher) leave() {
	<-h.turn
	<-h.queue
	if len(h.queue) == 0 && h.opts.MemoryKiB >= largeHash {
		// What one hash takes is more than all else in an idle Cockpit, which
		// otherwise keeps it until the next collection, minutes later.
		debug.FreeOSMemory()
	}
}
