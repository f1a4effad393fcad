package cockpit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/conf"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/fsys"
)

func TestDatabasePassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct {
		name string
		set  conf.Cockpit
		want string
		code string
	}{
		{"a setting", conf.Cockpit{DatabasePassword: conf.NewSecret("one")}, "one", ""},
		{"a file", conf.Cockpit{DatabasePasswordFile: write("a", "two words\r\n", 0o600)}, "two words", ""},
		{"no file", conf.Cockpit{DatabasePasswordFile: filepath.Join(dir, "none")}, "", "PasswordUnreadable"},
		{"an empty file", conf.Cockpit{DatabasePasswordFile: write("b", "", 0o600)}, "", "PasswordUnreadable"},
		{"a long file", conf.Cockpit{DatabasePasswordFile: write("c", strings.Repeat("x", 5000), 0o600)}, "", "PasswordUnreadable"},
		{"an open file", conf.Cockpit{DatabasePasswordFile: write("d", "x", 0o640)}, "", "KeyFileExposed"},
	} {
		got, err := databasePassword(&c.set)()
		if got != c.want || (err == nil) != (c.code == "") || err != nil && !fault.HasCode(err, c.code) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	if databasePassword(&conf.Cockpit{}) != nil {
		t.Error("there is a password that nobody gave")
	}
}

// A database that can't be reached is said by its place, and a password never.
func TestDatabaseIsAway(t *testing.T) {
	t.Parallel()
	set := &conf.Cockpit{Database: "postgres://signet@127.0.0.1:1/signet", DatabasePassword: conf.NewSecret("s3cret")}
	_, err := OpenDatabase(t.Context(), set, fsys.Real{})
	if !fault.HasCode(err, "DatabaseUnreachable") || !strings.Contains(err.Error(), "signet at 127.0.0.1, port 1") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}
