package consensus_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/consensus"
	"github.com/signet-scheduler/signet/internal/consensus/consensustest/toy"
	"github.com/signet-scheduler/signet/internal/fsys"
)

// BenchmarkSubmit measures single commands of many callers on the real disk.
func BenchmarkSubmit(b *testing.B) {
	for _, form := range []struct {
		name  string
		start func(consensus.Options) (consensus.Node, error)
	}{{"local", consensus.StartLocal}, {"group1", consensus.StartGroup}} {
		for _, callers := range []int{1, 16, 64, 512} {
			b.Run(fmt.Sprintf("%s/%d", form.name, callers), func(b *testing.B) {
				node, err := form.start(consensus.Options{
					ID: 1, Members: []uint64{1}, FS: fsys.Real{}, Dir: b.TempDir(), Machine: toy.New(),
				})
				if err != nil {
					b.Fatal(err)
				}
				defer node.Close()
				if _, err := node.Submit(context.Background(), toy.Command{Op: toy.Add, ID: 1 << 60, Key: 1 << 60}); err != nil {
					b.Fatal(err)
				}
				submit(b, node, callers)
			})
		}
	}
}

// submit spreads b.N commands over the callers and reports the latencies.
func submit(b *testing.B, node consensus.Node, callers int) {
	var next atomic.Uint64
	var all sync.WaitGroup
	times := make([][]time.Duration, callers)
	b.ResetTimer()
	for c := range callers {
		all.Go(func() {
			for {
				id := next.Add(1)
				if id > uint64(b.N) {
					return
				}
				began := time.Now()
				if _, err := node.Submit(context.Background(), toy.Command{Op: toy.Add, ID: id, Key: id, Value: id}); err != nil {
					b.Error(err)
					return
				}
				times[c] = append(times[c], time.Since(began))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	list := slices.Concat(times...)
	slices.Sort(list)
	if len(list) > 0 {
		b.ReportMetric(float64(list[len(list)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(list[len(list)*99/100].Microseconds()), "p99-µs")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
}
