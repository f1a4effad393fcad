package keyagent

import (
	"bytes"
	"context"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/signet-scheduler/signet/internal/fault"
)

// Bounds of what an agent may take.
const (
	listWithin = 10 * time.Second
	signWithin = 2 * time.Minute // a person may have to touch a device, or to type
	maxKeys    = 1000
)

// Agent is a connection to an ssh-agent. Its keys are safe for concurrent use.
type Agent struct {
	conn   net.Conn
	client agent.ExtendedAgent
}

// Dial connects to the agent that listens at a socket ($SSH_AUTH_SOCK). The error
// is Unavailable, code NoAgent.
func Dial(ctx context.Context, socket string) (*Agent, error) {
	if socket == "" {
		return nil, fault.New(fault.Unavailable, "NoAgent", "no ssh-agent is known: SSH_AUTH_SOCK isn't set; start one by `eval $(ssh-agent)`")
	}
	dialer := net.Dialer{Timeout: listWithin}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "NoAgent", err, "the ssh-agent at %s can't be reached: %s", socket, err)
	}
	return &Agent{conn: conn, client: agent.NewClient(conn)}, nil
}

// Close ends the connection.
func (a *Agent) Close() error { return a.conn.Close() }

// within bounds what is asked next.
func (a *Agent) within(d time.Duration) error { return a.conn.SetDeadline(time.Now().Add(d)) }

// Key is one key of an agent.
type Key struct {
	agent   *Agent
	public  ssh.PublicKey
	comment string
}

// Comment returns what the agent says of the key; it may be empty.
func (k *Key) Comment() string { return k.comment }

// Fingerprint returns the key's name as ssh-keygen -l shows it: SHA256:...
func (k *Key) Fingerprint() string { return ssh.FingerprintSHA256(k.public) }

// Find returns the one key that a text names: its fingerprint (SHA256:...), its
// public key line (TYPE BASE64), or its comment. The error is NotFound, code
// NoSuchKey, or Invalid, code AmbiguousKey.
func (a *Agent) Find(text string) (*Key, error) {
	if err := a.within(listWithin); err != nil {
		return nil, unavailable(err)
	}
	all, err := a.client.List()
	if err != nil {
		return nil, unavailable(err)
	}
	if len(all) > maxKeys {
		return nil, fault.New(fault.TooLarge, "TooManyKeys", "the ssh-agent has %d keys; at most %d are looked at", len(all), maxKeys)
	}
	matches, err := matcher(text)
	if err != nil {
		return nil, err
	}
	var found []*Key
	for _, one := range all {
		public, err := ssh.ParsePublicKey(one.Blob)
		if err != nil {
			continue // of a kind that nobody here knows
		}
		k := &Key{agent: a, public: public, comment: one.Comment}
		if matches(k) {
			found = append(found, k)
		}
	}
	switch len(found) {
	case 0:
		return nil, fault.New(fault.NotFound, "NoSuchKey", "the ssh-agent has no key %s; it has %d others (`ssh-add -l` lists them)", text, len(all))
	case 1:
		return found[0], nil
	}
	names := make([]string, len(found))
	for i, k := range found {
		names[i] = k.Fingerprint()
	}
	return nil, fault.New(fault.Invalid, "AmbiguousKey", "the ssh-agent has %d keys named %s; name one by its fingerprint: %s", len(found), text, strings.Join(names, ", "))
}

// matcher returns what tells whether a key is the named one.
func matcher(text string) (func(*Key) bool, error) {
	if strings.HasPrefix(text, "SHA256:") {
		return func(k *Key) bool { return k.Fingerprint() == text }, nil
	}
	if algorithm, _, ok := strings.Cut(text, " "); ok && isAlgorithm(algorithm) {
		public, _, options, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil || len(options) > 0 {
			return nil, fault.Wrap(fault.Invalid, "InvalidPublicKey", err, "this is no public key line as in a file of ssh-keygen: TYPE BASE64 COMMENT")
		}
		return func(k *Key) bool { return bytes.Equal(k.public.Marshal(), public.Marshal()) }, nil
	}
	return func(k *Key) bool { return k.comment == text }, nil
}

func isAlgorithm(word string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-", "sk-"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

func unavailable(err error) error {
	return fault.Wrap(fault.Unavailable, "NoAgent", err, "the ssh-agent doesn't answer: %s", err)
}
