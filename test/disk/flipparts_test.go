package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A flipped bit in a file that a part keeps: the part ends, and says which file
// it is and what to do. Flipped back, it goes on.
func TestFlippedBitInParts(t *testing.T) {
	t.Parallel()
	in := install(t)
	effects := filepath.Join(t.TempDir(), "effects")
	in.startDev()
	in.deployEffects("w", effects, "")
	in.must("order", "add", "w", "--id", "BEFORE", "--wait")
	in.stopDev()

	for _, part := range []string{"controller-1", "agent-1"} {
		for _, file := range in.files(filepath.Join(part, "data", "journal", "manifest"), filepath.Join(part, "data", "journal", "log", "*.seg")) {
			used := len(bytes.TrimRight(readFile(t, file), "\x00"))
			for _, at := range []int{used / 4, used / 2, used * 3 / 4} {
				in.refuses(part, file, at, "nothing was changed")
			}
		}
	}
	for _, file := range in.files(filepath.Join("cockpit", "data", "cockpit.db")) {
		// The kind of a page; SQLite has no checksum of what is in it.
		for at := 4096; at < len(readFile(t, file)); at += 8 * 4096 {
			in.refuses("cockpit", file, at, "nothing was changed")
		}
	}
	for _, part := range []string{"controller-1", "agent-1", "cockpit"} {
		patterns := []string{filepath.Join(part, "config", "private", "https-*.pem")}
		if part != "cockpit" {
			patterns = append(patterns, filepath.Join(part, "config", "private", "trusted-x509-keys", "*.pem"))
		}
		for _, file := range in.files(patterns...) {
			size := len(readFile(t, file))
			for _, at := range []int{3, size / 3, size / 2, size - 40} {
				in.refusesOrServes(part, file, at)
			}
		}
	}

	in.startDev()
	in.must("order", "add", "w", "--id", "AFTER", "--wait")
	for _, id := range []string{"BEFORE", "AFTER"} {
		if err := ended(in, id, 1); err != nil {
			t.Error(err)
		}
	}
	in.stopDev()

	for _, name := range []string{"dev.json", "ports.json"} {
		file := filepath.Join(in.dir, name)
		if _, err := os.Stat(file); err != nil {
			t.Fatal(err)
		}
		in.flip(file, 0)
		r := in.signet("dev", "--data", in.dir, "--free-ports")
		r.expect(t, 1, "can't be read")
		in.flip(file, 0)
	}
}

// files returns the files that patterns below the installation match.
func (in *installation) files(patterns ...string) []string {
	in.t.Helper()
	var all []string
	for _, p := range patterns {
		list, err := filepath.Glob(filepath.Join(in.dir, p))
		if err != nil || len(list) == 0 {
			in.t.Fatalf("%s: no file, %v", p, err)
		}
		all = append(all, list...)
	}
	return all
}

// flip flips a bit of a file, in place.
func (in *installation) flip(file string, at int) {
	in.t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		in.t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], int64(at)); err != nil {
		in.t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b[:], int64(at)); err != nil {
		in.t.Fatal(err)
	}
}

// refuses starts a part with a flipped bit and expects that it ends.
func (in *installation) refuses(part, file string, at int, says string) {
	in.t.Helper()
	in.flip(file, at)
	p := in.serve(part)
	if p.prints("msg=serving") {
		in.t.Errorf("%s serves with a flipped bit at %d of %s", part, at, file)
		_ = p.stop(syscall.SIGTERM)
	}
	_ = p.wait() // the code is looked at
	if out := p.output(); p.code() != 1 || !strings.Contains(out, file) || !strings.Contains(out, says) {
		in.t.Errorf("a flipped bit at %d of %s: exit code %d:\n%s", at, file, p.code(), out)
	}
	in.flip(file, at)
}

// refusesOrServes starts a part with a flipped bit that need not matter, such
// as one in the name of an authority.
func (in *installation) refusesOrServes(part, file string, at int) {
	in.t.Helper()
	in.flip(file, at)
	defer in.flip(file, at)
	p := in.serve(part)
	if p.prints("msg=serving") {
		if err := p.stop(syscall.SIGTERM); err != nil {
			in.t.Errorf("%s ended with %v:\n%s", part, err, p.output())
		}
		return
	}
	_ = p.wait() // the code is looked at
	if out := p.output(); p.code() == 2 || strings.Contains(out, "goroutine ") || !strings.Contains(out, filepath.Base(file)) {
		in.t.Errorf("%s", fmt.Sprintf("a flipped bit at %d of %s: exit code %d:\n%s", at, file, p.code(), out))
	}
}

// A flipped bit in a task's log: what comes before it is shown, and that the
// rest is damaged. The Agent and the Cockpit go on.
func TestFlippedBitInAgentsTaskLog(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.startDev()
	in.deploy("w", "#!/bin/sh\necho first line\nsleep 1\necho second line\n")
	in.stopDev()
	controller, agent, cockpit := in.serve("controller-1"), in.serve("agent-1"), in.serve("cockpit")
	for _, p := range []*process{controller, agent, cockpit} {
		p.await("msg=serving")
	}
	in.must("order", "add", "w", "--id", "O")
	if err := cockpit.stop(syscall.SIGKILL); err == nil {
		t.Fatal("it wasn't killed")
	}
	eventually(t, "the job ends", func() error {
		logs, err := filepath.Glob(filepath.Join(in.data("agent-1"), "logs", "*.log"))
		if err != nil {
			return err
		}
		for _, file := range logs {
			if at := bytes.Index(readFile(t, file), []byte("second")); at > 0 {
				in.flip(file, at)
				return nil
			}
		}
		return errors.New("there is no second line yet")
	})
	cockpit = in.serve("cockpit")
	cockpit.await("msg=serving")
	eventually(t, "the log tells that it is damaged", func() error {
		r := in.signet("order", "log", "O")
		if r.code != 0 || !strings.Contains(r.stdout, "first line") || strings.Contains(r.stdout, "line\nCecond") || !strings.Contains(r.stdout+r.stderr, "damaged") {
			return fmt.Errorf("%d %s%s", r.code, r.stdout, r.stderr)
		}
		return nil
	})
	in.must("order", "add", "w", "--id", "P", "--wait")
	in.signet("order", "log", "P").expect(t, 0, "second line")
}
