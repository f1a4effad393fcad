package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/cli"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// Result is how a verb of the command line ended.
type Result struct {
	Stdout, Stderr []byte
	Code           int
}

// Err returns an error unless the exit code is 0.
func (r Result) Err() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("exit code %d: %s", r.Code, bytes.TrimSpace(r.Stderr))
}

// Run runs a verb of the command line with the installation's profile. The
// error is that of starting it; how it ended is in the Result.
func (r *Rig) Run(ctx context.Context, args ...string) (Result, error) {
	return r.RunAs(ctx, r.Profile(), "", args...)
}

// RunAs is Run with a profile of the caller's, and something on standard input.
func (r *Rig) RunAs(ctx context.Context, profile, in string, args ...string) (Result, error) {
	var out, problems bytes.Buffer
	cmd := exec.CommandContext(ctx, r.bin, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &problems
	cmd.Env = append(r.environ(), "SIGNET_PROFILE="+profile)
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		err = nil
	}
	res := Result{Stdout: out.Bytes(), Stderr: problems.Bytes()}
	if cmd.ProcessState != nil {
		res.Code = cmd.ProcessState.ExitCode()
	}
	return res, err
}

// Must runs a verb, which has to succeed, and returns its output.
func (r *Rig) Must(args ...string) []byte {
	r.t.Helper()
	res, err := r.Run(r.ctx, args...)
	if err := errors.Join(err, res.Err()); err != nil {
		r.t.Fatalf("signet %s: %s", strings.Join(args, " "), err)
	}
	return res.Stdout
}

// Client returns the way to the Cockpit's API, with the rights of the
// administrator. It repeats nothing by itself. After StartDev it is another.
func (r *Rig) Client() *cli.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.client
}

// Deploy deploys documents, by file name like "W.workflow.json".
func (r *Rig) Deploy(files map[string]string) {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "objects")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.Must("deploy", dir)
}

// Add adds orders with the ids ID-1 ... ID-count, once: repeating it with the
// same id and requestID is safe. Nil means that they are acknowledged.
func (r *Rig) Add(ctx context.Context, workflow, id string, count int, requestID string) error {
	in := api.AddOrdersRequest{Workflow: workflow, Id: id, Count: int64(count), RequestId: requestID, Reason: "test"}
	return r.Client().Post(ctx, "/orders", in, false, nil)
}

// AddPersistently adds orders as Add does and repeats it until it is
// acknowledged. What isn't a matter of the moment is returned as error.
func (r *Rig) AddPersistently(ctx context.Context, workflow, id string, count int) error {
	return Poll(ctx, Patience, func() error {
		err := r.Add(ctx, workflow, id, count, id)
		if err != nil && !Transient(err) {
			r.t.Errorf("adding %s: %s", id, err)
			return nil
		}
		return err
	})
}

// Transient tells whether a request may succeed when it is repeated: exit code
// 6 of the command line.
func Transient(err error) bool {
	return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout) || errors.Is(err, context.DeadlineExceeded)
}

// Status returns what the Cockpit tells of the Controller group.
func (r *Rig) Status(ctx context.Context) (api.ControllerStatus, error) {
	var all api.ControllersStatus
	if err := r.Client().Get(ctx, "/controllers/status", nil, &all); err != nil {
		return api.ControllerStatus{}, err
	}
	if len(all.Controllers) != 1 {
		return api.ControllerStatus{}, fault.New(fault.Unavailable, "NoController", "the Cockpit tells of %d Controllers", len(all.Controllers))
	}
	return all.Controllers[0], nil
}

// Leader returns the name of the Controller that leads.
func (r *Rig) Leader(ctx context.Context) (string, error) {
	st, err := r.Status(ctx)
	if err == nil && st.Leader == "" {
		err = fault.New(fault.Unavailable, "NoLeader", "there is no leader")
	}
	return st.Leader, err
}

// Events returns all events that `signet events` prints, one JSON object a line.
func (r *Rig) Events() []byte {
	r.t.Helper()
	return r.Must("events")
}

// History returns what `signet history -o json` prints.
func (r *Rig) History() []byte {
	r.t.Helper()
	return r.Must("history", "-o", "json")
}

// Ports returns the port of each part of the installation in a folder.
func Ports(dir string) (map[string]int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "ports.json"))
	if err != nil {
		return nil, err
	}
	ports := map[string]int{}
	return ports, json.Unmarshal(text, &ports)
}

// URL returns where a part listens.
func (r *Rig) URL(part string) (string, error) {
	ports, err := Ports(r.Dir)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("https://127.0.0.1:%d", ports[part]), nil
}

// Peer returns a client that speaks to the Controllers as the Cockpit does. The
// caller closes it.
func (r *Rig) Peer() (*transport.Client, error) {
	private := filepath.Join(r.Dir, "cockpit", "config", "private")
	creds, err := transport.LoadCredentials(transport.Files{
		Cert: filepath.Join(private, "https-cert.pem"), Key: filepath.Join(private, "https-key.pem"), Trust: []string{filepath.Join(private, "https-trust.pem")},
	})
	if err != nil {
		return nil, err
	}
	return transport.NewClient(transport.ClientOptions{Credentials: creds, Expect: func(id pki.Identity) bool { return id.Role == pki.RoleController }})
}

// MemberEvents returns the events as one Controller has them, one JSON object a
// line, without going through the Cockpit.
func (r *Rig) MemberEvents(ctx context.Context, peer *transport.Client, controller string) ([]byte, error) {
	url, err := r.URL(controller)
	if err != nil {
		return nil, err
	}
	s, err := peer.Stream(ctx, url+"/controller/api/event?after=0", maxEventLine, streamIdle)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var all bytes.Buffer
	for {
		line, err := s.Next()
		if err != nil {
			return all.Bytes(), streamEnd(err)
		}
		all.Write(line)
		all.WriteByte('\n')
	}
}

// The bounds of an event stream.
const (
	maxEventLine = 64 << 20
	streamIdle   = 15 * time.Second
)

// streamEnd tells whether a stream ended in order.
func streamEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
