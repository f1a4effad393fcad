package cockpit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// Remote is a Controller that is called by HTTPS. It finds the member that leads.
type Remote struct {
	members []member
	clock   clock.Clock
	leader  atomic.Int64 // index of the member that is asked first
}

// member is one member of the group.
type member struct {
	name   string
	url    string
	level  string // the Cockpit's security level
	client *transport.Client
}

// How long a call is repeated, and how long one try may take.
const (
	callTime = 20 * time.Second
	tryTime  = 8 * time.Second
	// lastTryPause is the longest between two rounds: a new leader should be
	// found soon.
	lastTryPause = 200 * time.Millisecond
	apiPath      = "/controller/api"
	// maxAnswer is in bytes.
	maxAnswer = 64 << 20
	// maxFrame is the greatest entry of a Controller's log in bytes.
	maxFrame = 256 << 20
)

// extraTime is how much longer a large request may take: a Controller verifies,
// parses and decides on a deployment of 50,000 documents before it answers.
func extraTime(bytes int) time.Duration { return time.Duration(bytes>>20) * time.Second }

// NewRemote returns the Controller that a Cockpit's settings name. It connects
// when it is first used. level is the security level of the Cockpit.
func NewRemote(ref conf.ControllerRef, level string, credentials *transport.Credentials, c clock.Clock) (*Remote, error) {
	r := &Remote{clock: c}
	for i, name := range ref.Names {
		client, err := transport.NewClient(transport.ClientOptions{
			Credentials: credentials,
			Expect:      func(id pki.Identity) bool { return id == pki.Identity{Role: pki.RoleController, Name: name} },
			MaxAnswer:   maxAnswer,
		})
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		r.members = append(r.members, member{name, strings.TrimSuffix(ref.URLs[i], "/") + apiPath, level, client})
	}
	return r, nil
}

// Close ends all calls.
func (r *Remote) Close() error {
	var errs []error
	for _, m := range r.members {
		errs = append(errs, m.client.Close())
	}
	return errors.Join(errs...)
}

// again tells whether a call may succeed when it is repeated, here or elsewhere.
// Commands carry an id, so that repeating one whose outcome is unknown is safe.
func again(err error) bool { return fault.Is(err, fault.Unavailable) || fault.Is(err, fault.Timeout) }

// try calls f for the member that led last, then for the others, until one
// answers or time is over. size is how many bytes are sent.
func (r *Remote) try(ctx context.Context, size int, f func(context.Context, member) (hint string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, callTime+extraTime(size))
	defer cancel()
	at := int(r.leader.Load())
	pause := 20 * time.Millisecond
	for n := 1; ; n++ {
		hint, err := r.attempt(ctx, at, f)
		if err == nil || !again(err) {
			if n > 1 {
				r.leader.Store(int64(at))
			}
			return err
		}
		next := r.index(hint)
		if next < 0 || next == at {
			next = (at + 1) % len(r.members)
		}
		at = next
		if n%len(r.members) == 0 {
			timer := r.clock.NewTimer(pause)
			select {
			case <-timer.C():
			case <-ctx.Done():
			}
			timer.Stop()
			pause = min(2*pause, lastTryPause)
		}
		if ctx.Err() != nil {
			return err
		}
	}
}

// index returns which member a leader's URL belongs to, or -1: a member may name
// only those that are configured.
func (r *Remote) index(hint string) int {
	if hint == "" {
		return -1
	}
	return slices.IndexFunc(r.members, func(m member) bool { return m.url == strings.TrimSuffix(hint, "/")+apiPath })
}

// call makes one request, which only the leader answers, and decodes the answer.
func (r *Remote) call(ctx context.Context, method, path string, body []byte, out any) error {
	return r.try(ctx, len(body), func(ctx context.Context, m member) (hint string, err error) {
		err = askOnce(ctx, m, method, path, body, out)
		if led, ok := errors.AsType[*notLeaderError](err); ok {
			hint = led.leader
		}
		return hint, err
	})
}

// notLeaderError is the answer of a member that knows who leads.
type notLeaderError struct {
	leader string
	err    error
}

// Error returns the answer's own text.
func (e *notLeaderError) Error() string { return e.err.Error() }

// Unwrap returns the answer as a fault.
func (e *notLeaderError) Unwrap() error { return e.err }

// askOnce makes one request to one member and decodes the answer.
func askOnce(ctx context.Context, m member, method, path string, body []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime+extraTime(len(body)))
	defer cancel()
	data, err := readOnce(ctx, m, method, path, body, maxAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fault.Wrap(fault.Internal, "BadAnswer", err, "the Controller's answer can't be read")
	}
	return nil
}

// readOnce makes one request to one member and reads the answer.
func readOnce(ctx context.Context, m member, method, path string, body []byte, limit int64) ([]byte, error) {
	resp, err := send(ctx, m, method, path, body)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "AnswerCut", err, "the Controller's answer ended before its time")
	}
	if int64(len(data)) > limit {
		return nil, fault.New(fault.TooLarge, "AnswerTooLarge", "the Controller's answer has more than %d bytes", limit)
	}
	return data, nil
}

// send makes one request to one member; an error status is an error.
func send(ctx context.Context, m member, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "BadRequest", err, "the request can't be made")
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set(transport.LevelHeader, m.level)
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	err = transport.ReadProblem(resp)
	if leader := resp.Header.Get("Signet-Leader"); leader != "" {
		return nil, &notLeaderError{leader, err}
	}
	return nil, err
}

// stream makes a request whose answer has no end; only its begin is waited for.
// Members that don't lead answer some of them, too.
func (r *Remote) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	var body io.ReadCloser
	err := r.try(ctx, 0, func(try context.Context, m member) (hint string, err error) {
		// The body outlives the try, which ends only the wait for the header.
		whole, cancel := context.WithCancel(ctx)
		untie := context.AfterFunc(try, cancel)
		resp, err := send(whole, m, http.MethodGet, path, nil) //nolint:bodyclose // the caller closes it
		if err == nil {
			body = &tied{resp.Body, cancel}
			if !untie() {
				_ = body.Close()
				err = fault.New(fault.Unavailable, "TriedTooLong", "the Controller's answer came too late")
			}
		}
		if err != nil {
			cancel()
		}
		if led, ok := errors.AsType[*notLeaderError](err); ok {
			hint = led.leader
		}
		return hint, err
	})
	return body, err
}

// tied is a body that ends its request when it is closed.
type tied struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (t *tied) Close() error {
	err := t.ReadCloser.Close()
	t.cancel()
	return err
}

// Command implements Controller.
func (r *Remote) Command(ctx context.Context, cmd engine.Command) (reply json.RawMessage, err error) {
	err = r.call(ctx, http.MethodPost, "/command", codec.JSON(nil, &cmd), &reply)
	return reply, err
}

// UpdateItems implements Controller.
func (r *Remote) UpdateItems(ctx context.Context, u ItemUpdate) error {
	type key struct {
		Kind string `json:"kind"`
		Path string `json:"path"`
	}
	body := struct {
		CommandID string           `json:"commandId"`
		By        json.RawMessage  `json:"by"`
		Release   *SignedRelease   `json:"release,omitempty"`
		Add       []SignedDocument `json:"add,omitempty"`
		Remove    []key            `json:"remove,omitempty"`
	}{u.CommandID, codec.JSON(nil, &u.By), u.Release, u.Add, nil}
	for _, k := range u.Remove {
		body.Remove = append(body.Remove, key{string(k.Kind), k.Path})
	}
	data, err := json.Marshal(body)
	if err != nil {
		return fault.Wrap(fault.Internal, "EncodingFailed", err, "the deployment can't be encoded")
	}
	var reply json.RawMessage
	return r.call(ctx, http.MethodPost, "/item", data, &reply)
}

// NextRelease implements Controller.
func (r *Remote) NextRelease(ctx context.Context) (next NextRelease, err error) {
	return next, r.call(ctx, http.MethodGet, "/release", nil, &next)
}

// Orders implements Controller.
func (r *Remote) Orders(ctx context.Context, q OrderQuery) ([]json.RawMessage, error) {
	v := url.Values{}
	for name, text := range map[string]string{"workflow": q.Workflow, "state": q.State, "after": q.After} {
		if text != "" {
			v.Set(name, text)
		}
	}
	v.Set("limit", strconv.Itoa(q.Limit))
	var out struct {
		Orders []json.RawMessage `json:"orders"`
	}
	err := r.get(ctx, "/order?"+v.Encode(), &out)
	return out.Orders, err
}

func (r *Remote) get(ctx context.Context, path string, out any) error {
	return r.call(ctx, http.MethodGet, path, nil, out)
}

// Order implements Controller.
func (r *Remote) Order(ctx context.Context, id string) (out json.RawMessage, err error) {
	err = r.get(ctx, "/order/"+segment(id), &out)
	return out, err
}

// segment encodes a value as one segment of a path. A dot is encoded too: "."
// and ".." alone would be taken for steps in the path.
func segment(s string) string { return strings.ReplaceAll(url.PathEscape(s), ".", "%2E") }

// Workflows implements Controller.
func (r *Remote) Workflows(ctx context.Context, after string, limit int) ([]WorkflowInfo, error) {
	var out struct {
		Workflows []WorkflowInfo `json:"workflows"`
	}
	err := r.get(ctx, "/workflow"+pageOf(limit, "after", after), &out)
	return out.Workflows, err
}

// pageOf returns the query for a page of a list; "" for all of it.
func pageOf(limit int, after ...string) string {
	if limit == 0 {
		return ""
	}
	v := url.Values{"limit": {strconv.Itoa(limit)}}
	for i := 0; i+1 < len(after); i += 2 {
		v.Set(after[i], after[i+1])
	}
	return "?" + v.Encode()
}

// Workflow implements Controller.
func (r *Remote) Workflow(ctx context.Context, path, version string) (out WorkflowInfo, err error) {
	v := url.Values{"path": {path}}
	if version != "" {
		v.Set("versionId", version)
	}
	err = r.get(ctx, "/workflow?"+v.Encode(), &out)
	return out, err
}

// Items implements Controller.
func (r *Remote) Items(ctx context.Context, after item.Key, limit int) ([]ItemInfo, error) {
	var out struct {
		Items []ItemInfo `json:"items"`
	}
	err := r.get(ctx, "/item"+pageOf(limit, "afterKind", string(after.Kind), "after", after.Path), &out)
	return out.Items, err
}

// Item implements Controller.
func (r *Remote) Item(ctx context.Context, key item.Key) (i ItemInfo, err error) {
	v := url.Values{"kind": {string(key.Kind)}, "path": {key.Path}}
	err = r.get(ctx, "/item?"+v.Encode(), &i)
	return i, err
}

// Agents implements Controller.
func (r *Remote) Agents(ctx context.Context) ([]AgentInfo, error) {
	var out struct {
		Agents   []AgentInfo      `json:"agents"`
		Holdings [][]part.Holding `json:"holdings"` // what many Agents hold, once
	}
	err := r.get(ctx, "/agent", &out)
	for _, a := range out.Agents {
		if a.Holds != nil && *a.Holds >= 0 && *a.Holds < len(out.Holdings) && a.Report != nil && a.Report.Trust != nil {
			a.Report.Trust.Holds = out.Holdings[*a.Holds]
		}
	}
	return out.Agents, err
}

// Status implements Controller. Every member answers; what the leader says is
// preferred, since others may be behind.
func (r *Remote) Status(ctx context.Context) (Status, error) {
	best, err := r.survey(ctx)
	if i := r.named(best.Leader); err == nil && i >= 0 {
		r.leader.Store(int64(i))
	}
	return best, err
}

// Reports implements Controller.
func (r *Remote) Reports(ctx context.Context) map[string]part.Report {
	var mu sync.Mutex
	all := map[string]part.Report{}
	var asking sync.WaitGroup
	for _, m := range r.members {
		asking.Go(func() {
			var s Status
			if err := askOnce(ctx, m, http.MethodGet, "/status", nil, &s); err == nil {
				mu.Lock()
				defer mu.Unlock()
				all[m.name] = s.Report
			}
		})
	}
	asking.Wait()
	return all
}

// Activity implements Controller.
func (r *Remote) Activity(ctx context.Context, agent string) (a Activity, err error) {
	err = r.get(ctx, "/agent/"+segment(agent)+"/activity", &a)
	return a, err
}

// PartLog implements Controller.
func (r *Remote) PartLog(ctx context.Context, p PartName, after int64, limit int) (l part.Lines, err error) {
	query := "/log?after=" + strconv.FormatInt(after, 10) + "&limit=" + strconv.Itoa(limit)
	if p.Agent != "" {
		err = r.get(ctx, "/agent/"+segment(p.Agent)+query, &l)
		return l, err
	}
	i := r.named(p.Member)
	if i < 0 {
		return l, unknownMember(p.Member)
	}
	return l, askOnce(ctx, r.members[i], http.MethodGet, query, nil, &l)
}

// TaskLog implements Controller.
func (r *Remote) TaskLog(ctx context.Context, agent, task string, offset int64, follow bool) (io.ReadCloser, error) {
	return r.stream(ctx, "/agent/"+segment(agent)+"/task/"+segment(task)+"/log?offset="+strconv.FormatInt(offset, 10)+"&follow="+strconv.FormatBool(follow))
}

// maxSmallLogs bounds the answer with several logs, in bytes.
const maxSmallLogs = 8 << 20

// TaskLogs implements Controller.
func (r *Remote) TaskLogs(ctx context.Context, agent string, tasks []string) (logs [][]byte, err error) {
	list, err := json.Marshal(tasks)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "EncodingFailed", err, "the request for logs can't be encoded")
	}
	err = r.try(ctx, 0, func(ctx context.Context, m member) (hint string, err error) {
		ctx, cancel := context.WithTimeout(ctx, tryTime)
		defer cancel()
		data, err := readOnce(ctx, m, http.MethodPost, "/agent/"+segment(agent)+"/logs", list, maxSmallLogs)
		if led, ok := errors.AsType[*notLeaderError](err); ok {
			return led.leader, err
		}
		if err == nil {
			logs, err = splitLogs(data, len(tasks))
		}
		return "", err
	})
	return logs, err
}

// splitLogs takes an answer with several logs apart: each is its length as a
// uvarint and its bytes.
func splitLogs(data []byte, n int) ([][]byte, error) {
	logs := make([][]byte, n)
	for i := range logs {
		size, used := binary.Uvarint(data)
		if used <= 0 || size > uint64(len(data)-used) {
			return nil, fault.New(fault.Invalid, "BadAnswer", "the answer with %d logs can't be read", n)
		}
		if size > 0 {
			logs[i] = data[used : used+int(size)]
		}
		data = data[used+int(size):]
	}
	return logs, nil
}

// EventLines implements Controller.
func (r *Remote) EventLines(ctx context.Context, after int64, follow bool) (io.ReadCloser, error) {
	return r.stream(ctx, "/event?after="+strconv.FormatInt(after, 10)+"&follow="+strconv.FormatBool(follow))
}

// Events implements Controller.
func (r *Remote) Events(ctx context.Context, after int64) (Events, error) {
	body, err := r.stream(ctx, "/event?after="+strconv.FormatInt(after, 10)+"&format=binary&gather=true&follow=true")
	if err != nil {
		return nil, err
	}
	return newFrames(body), nil
}

// frames reads a stream of log entries: each is its length as a uvarint and its
// bytes; a length of 0 is a heartbeat.
type frames struct {
	body io.ReadCloser
	in   *bufio.Reader
	buf  bytes.Buffer
	idle *time.Timer // closes the body
}

// eventIdle is how long the stream may be silent: the Controller sends a
// heartbeat every second. A member that is held or cut off is left for another
// soon, so that the history doesn't fall behind.
const eventIdle = 3 * time.Second

func newFrames(body io.ReadCloser) *frames {
	f := &frames{body: body, idle: time.AfterFunc(eventIdle, func() { _ = body.Close() })}
	f.in = bufio.NewReaderSize(f, 64<<10)
	return f
}

// Read reads the stream; every byte is a sign of life, so that a great entry may
// take its time.
func (f *frames) Read(b []byte) (int, error) {
	n, err := f.body.Read(b)
	if n > 0 {
		f.idle.Reset(eventIdle)
	}
	return n, err
}

// Next implements Events.
func (f *frames) Next() ([]engine.Stamped, error) {
	for {
		n, err := binary.ReadUvarint(f.in)
		if err != nil {
			return nil, cut(err)
		}
		if n == 0 {
			continue
		}
		if n > maxFrame {
			return nil, fault.New(fault.TooLarge, "EventsTooLarge", "the Controller sent an entry of %d bytes", n)
		}
		f.buf.Reset()
		// By copying, memory grows as bytes come, not as they were announced.
		if _, err := io.CopyN(&f.buf, f.in, int64(n)); err != nil {
			return nil, cut(err)
		}
		events, err := engine.ReadEvents(f.buf.Bytes())
		if f.buf.Cap() > 4<<20 {
			f.buf = bytes.Buffer{}
		}
		if err != nil || len(events) > 0 {
			return events, err
		}
	}
}

func cut(err error) error {
	return fault.Wrap(fault.Unavailable, "EventStreamEnded", err, "the Controller's event stream ended")
}

// Close implements Events.
func (f *frames) Close() error {
	f.idle.Stop()
	return f.body.Close()
}
