package cluster_test

import (
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/test/cluster"
)

// A member that has lost the others sends readers away that follow its events:
// it has no news. What it has can still be read.
func TestLonelyMemberSendsReadersAway(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 3, 0)
	c.Eventually("there is a leader", func() bool { var list map[string]any; return c.Get("/order?limit=1", &list) == nil })
	client, url := c.Client(), c.Controllers[0].URL+"/controller/api/event?after=0"
	var s interface {
		Next() ([]byte, error)
		Close() error
	}
	c.Eventually("it is followed", func() (ok bool) {
		stream, err := client.Stream(t.Context(), url+"&follow=true", 1<<20, 30*time.Second)
		s = stream
		return err == nil
	})
	defer s.Close()
	for _, p := range c.Controllers[1:] {
		if err := p.Running.Close(); err != nil {
			t.Fatal(err)
		}
		p.Running = nil
	}
	var err error
	for err == nil {
		_, err = s.Next()
	}
	if _, err := client.Stream(t.Context(), url+"&follow=true", 1<<20, 30*time.Second); !fault.HasCode(err, "NoLeader") {
		t.Errorf("following it is answered by %v", err)
	}
	there, err := client.Stream(t.Context(), url, 1<<20, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if line, err := there.Next(); err != nil || len(line) == 0 {
		t.Errorf("what it has isn't told: %q %v", line, err)
	}
}
