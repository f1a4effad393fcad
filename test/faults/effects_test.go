package faults

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// effects is the file into which jobs write what they do: a line when one
// begins, a line when it ends, each synced before the job goes on.
type effects struct {
	path string

	mu     sync.Mutex
	read   int64           // bytes looked at
	starts int             // lines of jobs that began
	begun  map[string]bool // orders of which a job has begun
	last   map[string]bool // orders whose last job has ended
	atEnd  string          // how the position of the last job begins
}

func newEffects(t *testing.T, lastPosition string) *effects {
	t.Helper()
	path := filepath.Join(t.TempDir(), "effects")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return &effects{path: path, begun: map[string]bool{}, last: map[string]bool{}, atEnd: lastPosition}
}

// job is a job that writes its lines and takes so many seconds.
func (e *effects) job(agent, seconds string) string {
	line := func(word string) string {
		return fmt.Sprintf(`printf '%s\t%%s\t%%s\t%%s\t%s\t%%s\n' "$ORDER" "$POSITION" "$TRY" $$ >>'%s' && sync -d '%s'`, word, agent, e.path, e.path)
	}
	script := line("start") + " || exit 9\n"
	if seconds != "0" {
		script += "sleep " + seconds + "\n"
	}
	script += line("end") + " || exit 9\n"
	return fmt.Sprintf(`{"TYPE":"Execute.Anonymous","job":{"agentPath":%q,"processLimit":20,"executable":{"TYPE":"ShellScriptExecutable","script":%q,`+
		`"env":{"ORDER":"$js7OrderId","POSITION":"$js7WorkflowPosition","TRY":"$js7TryCount"}}}}`, agent, script)
}

func workflow(jobs ...string) string {
	return `{"instructions":[` + strings.Join(jobs, ",") + `]}`
}

// look reads what has come since.
func (e *effects) look() (starts, done int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, err := os.Open(e.path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, 0, err
	}
	text := make([]byte, st.Size()-e.read)
	n, err := f.ReadAt(text, e.read)
	if err != nil {
		return 0, 0, fmt.Errorf("reading what jobs wrote: %w", err)
	}
	text = text[:bytes.LastIndexByte(text[:n], '\n')+1]
	e.read += int64(len(text))
	for line := range bytes.Lines(text) {
		fields := strings.Split(string(line), "\t")
		if fields[0] == "start" {
			e.starts++
			e.begun[fields[1]] = true
		} else if len(fields) > 2 && strings.HasSuffix(fields[2], e.atEnd) {
			e.last[fields[1]] = true
		}
	}
	return e.starts, len(e.last), nil
}

// halfway returns how many orders have begun and not come to their last job's end.
func (e *effects) halfway() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.begun) - len(e.last)
}

// ended tells whether the last job of an order has ended.
func (e *effects) ended(order string) (bool, error) {
	if _, _, err := e.look(); err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last[order], nil
}
