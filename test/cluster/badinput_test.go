package cluster_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/cluster"
)

// allocated measures roughly what f allocates, in bytes. Everything else in
// this process counts, too: the bounds are generous.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Bad input is refused in bounded memory and time, and nothing changes.
// Not parallel: it measures the process's memory.
func TestBadInput(t *testing.T) {
	c := cluster.New(t, 1, 1)
	deploy(t, c, script("A", "1", "true"))
	base := c.Controllers[0].URL + "/controller/api"
	by := `"commandId":"bad","by":{"account":"a","method":"t"}`
	workflow := func(fields string) string {
		return `{"TYPE":"Workflow","path":"BAD","versionId":"1",` + fields + `}`
	}
	item := func(document string) string {
		b, err := json.Marshal(c.Sign(document))
		if err != nil {
			t.Fatal(err)
		}
		return `{` + by + `,"add":[` + string(b) + `]}`
	}
	deep := strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000)
	for _, k := range []struct {
		name, route, body string
		kind              fault.Kind
		most              uint64 // MiB allocated
	}{
		{"50 MB document", "/item", item(workflow(`"instructions":[],"source":"` + strings.Repeat("x", 50<<20) + `"`)), fault.TooLarge, 800},
		{"50 MB argument", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[{"id":"B","workflowPath":"A","arguments":{"x":"` + strings.Repeat("x", 50<<20) + `"}}]}`, fault.TooLarge, 800},
		{"50 MB of brackets", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[` + strings.Repeat("[],", 16<<20) + `[]]}`, fault.TooLarge, 3000},
		{"10,000 deep command", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, fault.TooLarge, 50},
		{"10,000 deep request", "/item", strings.Repeat(`{"add":[`, 10_000), fault.TooLarge, 50},
		{"10,000 deep document", "/item", item(workflow(`"instructions":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000))), fault.TooLarge, 50},
		{"unknown field of a command", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[],"orderz":[]}`, fault.Invalid, 50},
		{"unknown field of a request", "/item", `{` + by + `,"add":[],"adds":[]}`, fault.Invalid, 50},
		{"unknown field of a document", "/item", item(workflow(`"instructions":[],"instruction":[]`)), fault.Invalid, 50},
		{"duplicate key of a command", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[],"orders":[]}`, fault.Invalid, 50},
		{"duplicate key of a request", "/item", `{` + by + `,"add":[],"add":[]}`, fault.Invalid, 50},
		{"duplicate key of a document", "/item", item(workflow(`"instructions":[],"instructions":[]`)), fault.Invalid, 50},
		{"key in other case", "/command", `{"type":"AddOrders",` + by + `,"orders":[]}`, fault.Invalid, 50},
		{"unknown command", "/command", `{"TYPE":"Nonsense",` + by + `}`, fault.Invalid, 50},
		{"invalid regex", "/item", item(workflow(`"orderPreparation":{"parameters":{"x":{"type":"String","pattern":"(a"}}},"instructions":[]`)), fault.Invalid, 50},
		{"back-reference", "/item", item(workflow(`"orderPreparation":{"parameters":{"x":{"type":"String","pattern":"(a)\\1"}}},"instructions":[]`)), fault.Invalid, 50},
		{"huge regex", "/item", item(workflow(`"orderPreparation":{"parameters":{"x":{"type":"String","pattern":"((a{1000}){1000}){1000}"}}},"instructions":[]`)), fault.Invalid, 50},
		{"nested expression", "/item", item(workflow(`"instructions":[{"TYPE":"If","predicate":"` + deep + `","then":{"instructions":[]}}]`)), fault.Invalid, 50},
		{"recursive expression", "/item", item(workflow(`"orderPreparation":{"parameters":{"x":{"final":"$y"},"y":{"final":"$x"}}},"instructions":[]`)), fault.Invalid, 50},
		{"lone surrogate", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[{"id":"\ud800","workflowPath":"A"}]}`, fault.Invalid, 50},
		{"invalid UTF-8", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[{"id":"` + "\xff" + `","workflowPath":"A"}]}`, fault.Invalid, 50},
		{"trailing data", "/command", `{"TYPE":"AddOrders",` + by + `,"orders":[]} {}`, fault.Invalid, 50},
		{"nothing", "/command", ``, fault.Invalid, 50},
		{"nothing to deploy", "/item", ``, fault.Invalid, 50},
		{"broken evidence", "/item", `{` + by + `,"add":[{"string":"{}","evidence":{"TYPE":"X509","signature":"*"}}]}`, fault.Untrusted, 50},
		{"evidence of no kind", "/item", `{` + by + `,"add":[{"string":"{}","evidence":{"TYPE":"None","signature":""}}]}`, fault.Untrusted, 50},
	} {
		t.Run(k.name, func(t *testing.T) {
			var before, after struct{ LastEventID int64 }
			if err := c.Get("/status", &before); err != nil {
				t.Fatal(err)
			}
			var err error
			began := time.Now()
			used := allocated(func() { err = c.Client().PostJSON(t.Context(), base+k.route, json.RawMessage(k.body), nil) })
			took := time.Since(began)
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !fault.Is(err, k.kind) {
				t.Errorf("refused as %v, not %s", err, k.kind)
			}
			if len(err.Error()) > 64<<10 {
				t.Errorf("the refusal has %d bytes", len(err.Error()))
			}
			if took > stuck {
				t.Errorf("it took %s", took)
			}
			if used > k.most<<20 {
				t.Errorf("%d MiB were allocated", used>>20)
			}
			if err := c.Get("/status", &after); err != nil {
				t.Fatal(err)
			}
			if before != after {
				t.Errorf("something has changed: event %d after %d", after.LastEventID, before.LastEventID)
			}
		})
	}
}

// stuck is when something that takes a moment hangs. How long it takes the
// benchmark measures: a busy machine and the race detector know no limit.
const stuck = 30 * time.Second * raceFactor

// endless is a body that never ends; it counts what was read.
type endless struct{ n atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.n.Add(int64(len(b)))
	return len(b), nil
}

// What an Agent can't decode it refuses; what doesn't end, too; and whoever sends
// slowly keeps nobody out. Not parallel: it measures the process's memory.
func TestBadBatches(t *testing.T) {
	c := cluster.New(t, 1, 1)
	as := c.ClientOf(c.Controllers[0].Config)
	url := c.Agents[0].URL + "/agent/api/command"
	good := codec.Binary(nil, &engine.AgentBatch{ControllerID: "controller", LogID: c.StatusOf(as, c.Agents[0]).LogID, Term: 1, Sequence: 1, Commands: []engine.AgentCommand{&engine.DetachOrder{OrderID: "x"}}})
	before := c.StatusOf(as, c.Agents[0]).LastEventID
	bodies := [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 1<<20), good[:len(good)-2], []byte(`{"controllerId":"controller"}`)}
	for range 200 {
		b := make([]byte, 64)
		_, _ = rand.Read(b)
		bodies = append(bodies, b, append(bytes.Clone(good[:20]), b...))
	}
	used := allocated(func() {
		for _, b := range bodies {
			if err := c.SendBytes(as, url, b); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Conflict) {
				t.Errorf("%d bytes %x of %x: got %v", len(b), b, good, err)
			}
		}
	})
	if used > 200<<20 {
		t.Errorf("%d MiB were allocated for garbage", used>>20)
	}
	// Slow bodies first; they hang while the others are answered.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 50 {
		r, w := io.Pipe()
		defer w.Close()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, r)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if resp, err := as.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}()
		if _, err := w.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	c.StatusOf(c.ClientOf(c.Controllers[0].Config), c.Agents[0])
	if took := time.Since(began); took > stuck {
		t.Errorf("a good request took %s while others hang", took)
	}
	body := &endless{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := as.Do(req)
	if err == nil {
		err = fmt.Errorf("status %d", resp.StatusCode)
		if resp.StatusCode < 400 {
			t.Error("an endless body was accepted")
		}
		_ = resp.Body.Close()
	}
	if n := body.n.Load(); n > 300<<20 {
		t.Errorf("%d MiB of an endless body were read (%v)", n>>20, err)
	}
	if after := c.StatusOf(as, c.Agents[0]).LastEventID; after != before {
		t.Errorf("something has changed: event %d after %d", after, before)
	}
}
