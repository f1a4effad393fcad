package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/engine"
	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/joblog"
	"github.com/signet-scheduler/signet/internal/proc"
)

// environment returns NAME=value texts as a map.
func environment(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, e := range environ {
		if name, v, ok := strings.Cut(e, "="); ok && name != "" {
			m[name] = v
		}
	}
	return m
}

// prepareWithSpace is prepare that waits while the disk is full: the job isn't
// to blame. It tells false when the Agent ends meanwhile; a job that is killed
// needs no files any more.
func (t *tasks) prepareWithSpace(k *task) (spec proc.Spec, ok bool, err error) {
	for told := false; ; told = true {
		spec, err = t.prepare(k)
		t.mu.Lock()
		killed := k.killed
		t.mu.Unlock()
		if err == nil || !fsys.IsNoSpace(err) || killed {
			return spec, true, err
		}
		if err := os.RemoveAll(k.launch.Dir); err != nil {
			return spec, true, err
		}
		if !told {
			t.a.log.Error("a job can't be started as the disk is full; it waits", "task", k.launch.Task, "error", err)
		}
		timer := t.a.clock.NewTimer(recordRetry)
		select {
		case <-timer.C():
		case <-t.a.ctx.Done():
			timer.Stop()
			return spec, false, nil // found as lost at the next start
		}
	}
}

// prepare writes the files of a task and says what to start.
func (t *tasks) prepare(k *task) (proc.Spec, error) {
	l := k.launch
	if len(l.Files) > 0 {
		if err := os.Mkdir(l.Dir, 0o700); err != nil {
			return proc.Spec{}, fmt.Errorf("making the task's directory: %w", err)
		}
	}
	for _, f := range l.Files {
		if err := writeTaskFile(l.Dir, f); err != nil {
			return proc.Spec{}, err
		}
	}
	values := returnValuesPath(l)
	argv := l.Argv
	if l.Argv == nil {
		script, err := t.script(l.Script)
		if err != nil {
			return proc.Spec{}, err
		}
		argv = []string{script}
	}
	capture, err := joblog.Create(t.logPath(l.Task), joblog.Options{Limit: t.a.set.OutputLimit, Hub: t.a.hub, Now: t.a.clock.Now})
	if err != nil {
		return proc.Spec{}, err
	}
	t.mu.Lock()
	k.capture = capture
	t.mu.Unlock()
	return proc.Spec{
		Key: proc.Key(l.Task), Argv: argv, Env: t.environ(l, values), Dir: t.a.dirs.work,
		Stdout: capture.Stdout(), Stderr: capture.Stderr(), Shell: true,
	}, nil
}

// returnValuesPath names the file in which a job may leave values. The job
// makes it: most leave none, and files that come and go cost a file system more
// than anything else here.
func returnValuesPath(l *engine.Launch) string { return l.Dir + ".values" }

// writeTaskFile writes a file made by toFile; its directory may be a new one
// below the task's.
func writeTaskFile(dir string, f engine.LaunchFile) error {
	if sub := filepath.Dir(f.Path); sub != dir {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return fmt.Errorf("making a directory for toFile: %w", err)
		}
	}
	if err := os.WriteFile(f.Path, []byte(f.Content), 0o600); err != nil {
		return fmt.Errorf("writing a file for toFile: %w", err)
	}
	return nil
}

// inherited lists an environment without what environ sets for every job.
func inherited(base map[string]string) []string {
	list := make([]string, 0, len(base))
	for k, v := range base {
		if k != "JS7_RETURN_VALUES" && k != "SIGNET_RETURN_VALUES" {
			list = append(list, k+"="+v)
		}
	}
	slices.Sort(list)
	return list
}

// environ is the Agent's own environment, changed as the job says.
func (t *tasks) environ(l *engine.Launch, values string) []string {
	if len(l.Env) == 0 && !l.V1 {
		return append(slices.Clip(t.inherited), "JS7_RETURN_VALUES="+values, "SIGNET_RETURN_VALUES="+values)
	}
	env := make(map[string]string, len(t.base)+len(l.Env)+3)
	maps.Copy(env, t.base)
	for _, e := range l.Env {
		if e.Unset {
			delete(env, e.Name)
		} else {
			env[e.Name] = e.Value
		}
	}
	env["JS7_RETURN_VALUES"], env["SIGNET_RETURN_VALUES"] = values, values
	if l.V1 {
		env["SCHEDULER_RETURN_VALUES"] = values
	}
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list
}

// script returns the file of a script; each text is written once.
func (t *tasks) script(text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	if path, ok := t.scripts[sum]; ok {
		return path, nil
	}
	path := filepath.Join(t.a.dirs.scripts, hex.EncodeToString(sum[:])+".sh")
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(text), 0o700); err != nil {
		return "", fmt.Errorf("writing the script: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return "", fmt.Errorf("writing the script: %w", err)
	}
	t.scripts[sum] = path
	return path, nil
}
