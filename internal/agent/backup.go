package agent

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/transport"
)

// How long a copy is waited for, and its reader.
const (
	copyTime = 4 * time.Second
	slowest  = 5 * time.Minute
)

// getBackup sends a copy of the log. Its state is that of the moment at which
// the answer's header goes: the Controller waits for it, and commands the Agent
// no sooner.
func (a *Agent) getBackup(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), copyTime)
	defer cancel()
	c, err := consensus.TakeCopy(ctx, a.node)
	if err != nil {
		transport.WriteProblem(w, err)
		return
	}
	defer c.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := http.NewResponseController(w).Flush(); err != nil {
		return // the Controller is gone
	}
	if _, err := c.WriteTo(transport.Patient(w, slowest)); err != nil {
		a.log.Info("a copy of the log wasn't sent as a whole", "error", err)
		panic(http.ErrAbortHandler) // it must not look like one that is whole
	}
}
