package agent

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/signet-scheduler/signet/internal/fault"
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
