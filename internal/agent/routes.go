package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/codec"
	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/ledger"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/internal/transport"
)

// maxBatchBody bounds one batch of commands, in bytes.
const maxBatchBody = 256 << 20

// routes is everything that an Agent answers: to Controllers only.
func (a *Agent) routes() []transport.Route {
	controller := []pki.Role{pki.RoleController}
	return append([]transport.Route{
		{Method: "GET", Pattern: "/agent/api/status", Roles: controller, Handler: a.getStatus},
		{Method: "GET", Pattern: "/agent/api/activity", Roles: controller, Handler: a.getActivity},
		{Method: "GET", Pattern: "/agent/api/log", Roles: controller, Handler: a.getLog},
		{Method: "POST", Pattern: "/agent/api/command", Roles: controller, MaxBody: maxBatchBody, Handler: a.postCommands},
		{Method: "GET", Pattern: "/agent/api/backup", Roles: controller, Handler: a.getBackup},
		{Method: "GET", Pattern: "/agent/api/event", Roles: controller, Handler: a.getEvents},
		{Method: "GET", Pattern: "/agent/api/task/{task}/log", Roles: controller, Handler: a.getTaskLog},
		{Method: "POST", Pattern: "/agent/api/logs", Roles: controller, MaxBody: maxLogsBody, Handler: a.postTaskLogs},
		{Method: "POST", Pattern: "/agent/api/bulletin", Roles: controller, MaxBody: bulletin.MaxDelivery, Handler: a.postBulletin},
	}, transport.RenewalRoutes("/agent/api", controller, func() *transport.Credentials { return a.creds })...)
}

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a reader that is gone needs no answer
}

func (a *Agent) getStatus(w http.ResponseWriter, r *http.Request) {
	// Not by look: an Agent whose disk is full says so instead.
	v, err := a.decide(r.Context(), func(e *engine.Agent, _ int64) (any, error) {
		return map[string]any{
			"agentPath": a.set.Name, "logId": e.LogID(), "controllerId": e.ControllerID(), "lastEventId": e.LastEventID(),
			"running": e.Running(), "waiting": e.Waiting(), "report": a.report(),
		}, nil
	})
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	writeJSON(w, v)
}

// postCommands carries out a batch of commands. Documents are verified here,
// before the machine sees them.
func (a *Agent) postCommands(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	b := &engine.AgentBatch{}
	if err := codec.ReadBinary(body, b); err != nil {
		transport.WriteProblem(w, fault.Wrap(fault.Invalid, "BadBatch", err, "the batch of commands doesn't decode"))
		return
	}
	generation := a.guard.Generation()
	complete := a.verify(b, nil)
	_, err = a.decide(r.Context(), func(e *engine.Agent, now int64) (any, error) {
		adopted := a.guard.Adopt(e.Belongs(b))
		if !complete || adopted || a.guard.Generation() != generation {
			a.verify(b, e.Manifest)
		}
		return e.Batch(b, now)
	})
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// verify finds out about every document of a batch whether its evidence is good;
// held looks up releases that are here. It returns false when that is needed.
func (a *Agent) verify(b *engine.AgentBatch, held func(engine.Document) *engine.Document) bool {
	complete := b.Verify(a.guard, held)
	for _, cmd := range b.Commands {
		if at, ok := cmd.(*engine.AttachItem); ok && complete && at.Verdict.Problem != nil {
			a.log.Warn("a document is refused", "item", at.Item.String(), "code", at.Verdict.Problem.Code, "problem", at.Verdict.Problem.Message)
		}
	}
	return complete
}

// sameLog makes sure that the reader speaks of this log: its position says
// nothing in another, and the Agent may have lost its data since it was asked.
func (a *Agent) sameLog(r *http.Request) error {
	want := r.URL.Query().Get("logId")
	if want == "" {
		return nil
	}
	have, err := a.look(r.Context(), func(e *engine.Agent) (any, error) { return e.LogID(), nil })
	if err == nil && have != want {
		err = fault.New(fault.Conflict, "AgentLogMismatch", "this Agent's log is not the one that the Controller knows")
	}
	return err
}

func (a *Agent) getEvents(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	if err != nil || after < 0 {
		transport.WriteProblem(w, fault.New(fault.Invalid, "InvalidParameter", "after must be an event id"))
		return
	}
	if err := a.sameLog(r); err != nil {
		transport.WriteProblem(w, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s, err := ledger.Open(a.node, a.m.Index, a.clock, a.untilFull(ctx), after, true)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	if err := s.Binary(w, r); err != nil && r.Context().Err() == nil {
		a.log.Debug("the event stream ended", "error", err)
	}
}

// untilFull returns what is closed when the disk is full: no events come then,
// and a Controller whose stream ends asks why. It is closed at the end of ctx
// and of the Agent, too.
func (a *Agent) untilFull(ctx context.Context) <-chan struct{} {
	full := make(chan struct{})
	a.group.Go(func() {
		defer close(full)
		ticker := a.clock.NewTicker(time.Second)
		defer ticker.Stop()
		for !a.node.Status().OutOfSpace {
			select {
			case <-ticker.C():
			case <-ctx.Done():
				return
			case <-a.ctx.Done():
				return
			}
		}
	})
	return full
}

// getTaskLog sends the bytes of a task's log from an offset on; with follow,
// until the log is finished.
func (a *Agent) getTaskLog(w http.ResponseWriter, r *http.Request) {
	task, q := r.PathValue("task"), r.URL.Query()
	offset, err := strconv.ParseInt("0"+q.Get("offset"), 10, 64)
	if err != nil || !isTask(task) {
		transport.WriteProblem(w, fault.New(fault.Invalid, "InvalidParameter", "task and offset must be numbers"))
		return
	}
	path := a.tasks.logPath(task)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := a.tasks.materialize(task); err != nil {
			transport.WriteProblem(w, err)
			return
		}
		f, err = os.Open(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		transport.WriteProblem(w, fault.New(fault.NotFound, "UnknownTaskLog", "there is no log of task %s here", task))
		return
	}
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	defer f.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Time{}); err != nil {
		a.log.Debug("a task log's stream", "error", err)
	}
	if q.Get("follow") != "true" {
		_, _ = io.Copy(w, io.NewSectionReader(f, offset, 1<<62)) // the reader notices by itself
		return
	}
	a.followLog(w, r, rc, f, path, offset)
}

// followLog copies what grows, up to the end record.
func (a *Agent) followLog(w http.ResponseWriter, r *http.Request, rc *http.ResponseController, f *os.File, path string, offset int64) {
	flw := a.hub.Follow(path, offset)
	defer flw.Close()
	if rc.Flush() != nil { // the header goes at once
		return
	}
	sent := offset
	for {
		frame, err := flw.Next(r.Context())
		if err != nil {
			if errors.Is(err, joblog.ErrEnded) {
				_, _ = io.Copy(w, io.NewSectionReader(f, sent, 1<<62)) // the end record
			}
			return
		}
		if _, err := io.Copy(w, io.NewSectionReader(f, sent, frame.Offset-sent)); err != nil {
			return
		}
		sent = frame.Offset
		if !flw.Ready() && rc.Flush() != nil {
			return
		}
	}
}

// isTask tells whether a task's id is one that we make: digits only.
func isTask(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

// logPath returns where a task's log lies.
func (t *tasks) logPath(task string) string { return filepath.Join(t.a.dirs.logs, task+".log") }
