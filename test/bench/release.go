package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	wantRelease  = 30 * time.Second
	wholeRelease = 50_000 // documents
)

// release measures the deployment of many documents by one signature, which the
// command line makes on the user's side.
func (b *bench) release(ctx context.Context) error {
	dir := filepath.Join(b.inst.dir, "documents")
	last := ""
	for n := range b.o.released {
		last = fmt.Sprintf("release/%03d/workflow-%d", n/1000, n)
		file := filepath.Join(dir, last+".workflow.json")
		if n%1000 == 0 {
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				return err
			}
		}
		if err := os.WriteFile(file, []byte(workflow(job(fmt.Sprintf("#!/bin/sh\n# %d\nexit 0\n", n)))), 0o600); err != nil {
			return err
		}
	}
	private := filepath.Join(b.inst.dir, "cockpit", "config", "private")
	began := time.Now()
	deploy := exec.CommandContext(ctx, b.o.bin, "deploy", dir, "--profile", b.inst.profile(),
		"--sign-with", filepath.Join(private, "signing-key.pem"), "--cert", filepath.Join(private, "signing-cert.pem"))
	if out, err := deploy.CombinedOutput(); err != nil {
		return fmt.Errorf("signet deploy: %w; it said: %.2000s", err, out)
	}
	deployed := time.Since(began)
	ids, err := b.inst.add(ctx, last, "released", 1)
	if err != nil {
		return err
	}
	if err := b.inst.ended(ctx, true, ids...); err != nil {
		return err
	}
	verified := time.Since(began)
	complete := b.o.released >= wholeRelease
	b.report.add(row{
		figure: "a release of " + number(float64(b.o.released)) + " documents: deployed and verified", value: number(verified.Seconds()) + " s",
		target: fmt.Sprintf("<= %g s", wantRelease.Seconds()), ok: onlyIf(complete, verified <= wantRelease),
		note: fmt.Sprintf("one signature, made by signet deploy --sign-with, which takes %s s; then an order of the last workflow, whose release and text the Agent verifies", number(deployed.Seconds())),
	})
	return nil
}
