package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// script is the job of all one-step orders; the floor starts the same file.
const script = "#!/bin/sh\nexit 0\n"

// parallelPerCore is how many starts are under way at once for each core: as many as an
// Agent has. More gain nothing and cost latency.
const parallelPerCore = 2

// floors is the least that this machine needs, measured in the same run.
type floors struct {
	sync  time.Duration // one fdatasync of a small append
	start time.Duration // one start and wait, one at a time
	http  time.Duration // an empty request and answer over mutual TLS; 0: not measured
}

func (b *bench) measureFloors(ctx context.Context, out io.Writer) error {
	var err error
	if b.floor.sync, err = syncTime(ctx, b.o.dir); err != nil {
		return fmt.Errorf("measuring the disk: %w", err)
	}
	var all []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := b.bareStarts(ctx, 1, 1); err != nil {
			return fmt.Errorf("starting the bare command: %w", err)
		}
		all = append(all, time.Since(began))
	}
	b.floor.start = median(all)
	fmt.Fprintf(out, "fdatasync of a 512-byte append: %s (median of 500)\n", millis(b.floor.sync))
	fmt.Fprintf(out, "start and wait of the script, one at a time: %s (median of 200)\n", millis(b.floor.start))
	return nil
}

// syncTime returns the median time of fdatasync after a small append to a file
// whose blocks are there already, as the journal's are.
func syncTime(ctx context.Context, dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const rounds, size = 500, 512
	if _, err := f.Write(make([]byte, rounds*size)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	all := make([]time.Duration, 0, rounds)
	piece := []byte(string(make([]byte, size)))
	for i := range rounds {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		piece[0] = byte(i)
		if _, err := f.WriteAt(piece, int64(i*size)); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	return median(all), nil
}

// starts is what bare starts took.
type starts struct {
	perSecond float64
	own       time.Duration // CPU of this process for each
	child     time.Duration // CPU of the started process
}

// bareStarts starts the script n times, so many at once, and waits for each:
// what no scheduler on this machine can beat.
func (b *bench) bareStarts(ctx context.Context, n, atOnce int) (starts, error) {
	path := filepath.Join(b.o.dir, "floor.sh")
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
			return starts{}, err
		}
	}
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, atOnce)
	own, child, began := usage(unix.RUSAGE_SELF), usage(unix.RUSAGE_CHILDREN), time.Now()
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := exec.CommandContext(ctx, path).Run(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	workers.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return starts{}, err
	default:
	}
	each := time.Duration(n)
	return starts{
		perSecond: float64(n) / took.Seconds(),
		own:       (usage(unix.RUSAGE_SELF) - own) / each,
		child:     (usage(unix.RUSAGE_CHILDREN) - child) / each,
	}, ctx.Err()
}

func usage(who int) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(who, &r); err != nil {
		return 0 // only a wrong argument makes it fail
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// emptyRequest returns the median time of a request without work, answered by
// the Controller over mutual TLS.
func (i *installation) emptyRequest(ctx context.Context) (time.Duration, error) {
	peer, err := i.peer()
	if err != nil {
		return 0, err
	}
	defer peer.Close()
	all := make([]time.Duration, 0, 300)
	for n := range cap(all) + 20 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.controllerURL+"/nothing", nil)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		resp, err := peer.Do(req)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := resp.Body.Close(); err != nil {
			return 0, err
		}
		if err != nil {
			return 0, err
		}
		if n >= 20 { // the first ones open the connection
			all = append(all, time.Since(began))
		}
	}
	return median(all), nil
}

// median returns the middle of values, which it sorts.
func median[T int64 | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// millis prints a duration in milliseconds.
func millis(d time.Duration) string { return number(float64(d)/1e6) + " ms" }

// mib prints a size.
func mib(bytes int64) string { return number(float64(bytes)/(1<<20)) + " MiB" }
