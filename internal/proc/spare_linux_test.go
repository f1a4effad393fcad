package proc

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A cgroup goes to the next job only as it was made.
func TestPristine(t *testing.T) {
	t.Parallel()
	write := func(dir, file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	for what, change := range map[string]func(dir string){
		"frozen":        func(dir string) { write(dir, "cgroup.freeze", "1") },
		"threaded":      func(dir string) { write(dir, "cgroup.type", "threaded") },
		"another in it": func(dir string) { _ = os.Mkdir(filepath.Join(dir, "inner"), 0o755) },
		"removed":       func(dir string) { _ = os.Remove(dir) },
	} {
		t.Run(what, func(t *testing.T) {
			c, err := openCgroups("auto", safeName(t.TempDir())) // its own: what is beside a threaded one changes, too
			if err != nil {
				t.Skip("no cgroup v2 for jobs here: ", err)
			}
			defer func() {
				if err := errors.Join(c.destroyAll(patience), c.remove()); err != nil {
					t.Error(err)
				}
			}()
			dir, err := c.take()
			if err != nil {
				t.Fatal(err)
			}
			if !isPristine(dir) {
				t.Fatalf("a new cgroup isn't taken for one: %s", dir)
			}
			if change(dir); isPristine(dir) {
				t.Error("it is taken for new")
			}
		})
	}
}

// Spares are used again, are no more than a few, and go when they are dropped.
func TestSpares(t *testing.T) {
	t.Parallel()
	c := &cgroups{base: t.TempDir()} // directories do as well
	var made []string
	for range mostSpares + 3 {
		dir, err := c.take()
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, dir)
	}
	for _, dir := range made {
		c.give(dir)
	}
	left := func() int {
		t.Helper()
		entries, err := os.ReadDir(c.base)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if n := left(); n != mostSpares {
		t.Errorf("%d cgroups are kept, want %d", n, mostSpares)
	}
	if again, err := c.take(); err != nil || again != made[mostSpares-1] {
		t.Errorf("the next job gets %s, %v; want the one that was given last, %s", again, err, made[mostSpares-1])
	}
	c.dropSpares()
	if n := left(); n != 1 || c.hasSpares() {
		t.Errorf("%d cgroups are left, want the one that is in use", n)
	}
}
