package agent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/transport"
)

// The bounds of a request for several logs (docs/formats/task-log.md).
const (
	maxLogTasks   = 256
	maxLogsBody   = 16 << 10
	maxSmallLog   = 64 << 10
	maxLogsAnswer = 4 << 20
)

// postTaskLogs sends the logs of several tasks at once, in the order in which
// they are asked for: most logs are small, and a request for each of them costs
// more than the log. What is large, or not there, is to be asked for alone.
func (a *Agent) postTaskLogs(w http.ResponseWriter, r *http.Request) {
	body, err := transport.ReadBody(r)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	var tasks []string
	if err := json.Unmarshal(body, &tasks); err != nil || len(tasks) > maxLogTasks {
		transport.WriteProblem(w, fault.New(fault.Invalid, "InvalidParameter", "the tasks must be a list of at most %d numbers as texts", maxLogTasks))
		return
	}
	var out []byte
	buf := make([]byte, maxSmallLog+1)
	for _, task := range tasks {
		if !isTask(task) {
			transport.WriteProblem(w, fault.New(fault.Invalid, "InvalidParameter", "%q is not the number of a task", task))
			return
		}
		var log []byte
		if len(out) < maxLogsAnswer {
			log = smallLog(a.tasks.logPath(task), buf)
		}
		out = append(binary.AppendUvarint(out, uint64(len(log))), log...)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(out) // a reader that is gone needs no answer
}

// smallLog reads a log that fits into buf with a byte to spare; nil if there is
// none, or it is larger.
func smallLog(path string, buf []byte) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil // the request for this one alone tells why
	}
	defer f.Close()
	n, err := io.ReadFull(f, buf)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return buf[:n]
}

// sealWithSpace ends a log that couldn't be ended as the disk was full, before
// the end of the job is told: who reads the log then is to see that it is cut.
func (t *tasks) sealWithSpace(k *task, s joblog.Summary) {
	const tries = 5 // when it isn't the disk of the Agent's own log
	text := fmt.Sprintf("The log couldn't be written: the disk was full. %d bytes of output are missing.", s.Cut)
	for i := 0; i < tries || t.a.node.Status().OutOfSpace; i++ {
		err := t.seal(t.logPath(k.launch.Task), text)
		if err == nil {
			return
		}
		if !fault.Is(err, fault.NoSpace) {
			t.a.log.Warn("sealing a task's log", "task", k.launch.Task, "error", err)
			return
		}
		timer := t.a.clock.NewTimer(recordRetry)
		select {
		case <-timer.C():
		case <-t.a.ctx.Done():
			timer.Stop()
			return // sealed at the next start
		}
	}
}

// sweep removes the logs that are old enough.
func (t *tasks) sweep() {
	ticker := t.a.clock.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		t.sweepOnce()
		select {
		case <-t.a.ctx.Done():
			return
		case <-ticker.C():
		}
	}
}

func (t *tasks) sweepOnce() {
	entries, err := os.ReadDir(t.a.dirs.logs)
	if err != nil {
		t.a.log.Warn("looking for old logs", "error", err)
		return
	}
	oldest := t.a.clock.Now().Add(-t.a.set.LogRetention)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(oldest) || t.isRunning(strings.TrimSuffix(e.Name(), ".log")) {
			continue
		}
		if err := os.Remove(filepath.Join(t.a.dirs.logs, e.Name())); err != nil {
			t.a.log.Warn("removing an old log", "error", err)
		}
	}
}

// isRunning tells whether a task may still write its log.
func (t *tasks) isRunning(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.running[id] != nil
}

// seal ends the log of a lost process; one that had written nothing gets its log
// now, to say what became of it.
func (t *tasks) seal(path, reason string) error {
	_, err := t.a.hub.Seal(path, reason)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	c, err := joblog.Create(path, joblog.Options{Hub: t.a.hub, Now: t.a.clock.Now})
	if err != nil {
		return err
	}
	c.Mark(reason)
	_, err = c.Finish(0)
	return err
}

// materialize makes the log of a running task that has written nothing so far.
func (t *tasks) materialize(task string) error {
	var capture *joblog.Capture
	t.mu.Lock()
	if k := t.running[task]; k != nil {
		capture = k.capture
	}
	t.mu.Unlock()
	if capture == nil {
		return nil
	}
	return capture.Materialize()
}

// tidy ends the logs of processes that an earlier life started, and removes
// their files.
func (t *tasks) tidy(lost []string) {
	for _, id := range lost {
		if err := t.seal(t.logPath(id), "the process was lost: the Agent was restarted"); err != nil {
			t.a.log.Warn("sealing the log of a lost process", "task", id, "error", err)
		}
	}
	for _, dir := range []string{t.a.dirs.tasks, t.a.dirs.scripts} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.a.log.Warn("tidying up", "error", err)
			continue
		}
		for _, e := range entries {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				t.a.log.Warn("tidying up", "error", err)
			}
		}
	}
}
