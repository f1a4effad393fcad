package cluster_test

import (
	"net/http"
	"testing"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/transport"
	"github.com/signet-scheduler/signet/test/cluster"
)

// An Agent sends nothing to a reader whose position is one in another log: the
// Agent may have lost its data since the reader asked.
func TestEventsOfAnotherLog(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 1)
	as := c.ClientOf(c.Controllers[0].Config)
	for logID, refused := range map[string]bool{c.StatusOf(as, c.Agents[0]).LogID: false, "another": true} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Agents[0].URL+"/agent/api/event?after=0&logId="+logID, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := as.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.StatusCode != http.StatusOK; got != refused {
			t.Errorf("log %s: refused %v", logID, got)
		}
		if refused {
			if err := transport.ReadProblem(resp); !fault.HasCode(err, "AgentLogMismatch") {
				t.Errorf("got %v", err)
			}
		}
		_ = resp.Body.Close()
	}
}
