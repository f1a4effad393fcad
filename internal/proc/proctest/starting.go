package proctest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/proc"
)

func testStartErrors(t *testing.T, b *Bench) {
	for _, d := range []string{"dir", "closed"} {
		if err := os.Mkdir(filepath.Join(b.Dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"dangling": "nowhere", "circle": "circle"} {
		if err := os.Symlink(target, filepath.Join(b.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	good := b.Script("good", "#!/bin/sh\nexit 0\n")
	busy := b.Script("busy", "#!/bin/sh\nexit 0\n")
	w, err := os.OpenFile(busy, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	elf, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	noLoader := strings.Replace(string(elf), "/lib64/ld-linux", "/lib64/no-linux", 1)
	plain := b.Script("plain", "#!/bin/sh\n")
	if err := os.Chmod(plain, 0o600); err != nil {
		t.Fatal(err)
	}
	plainInterpreter := b.Script("noX", "")
	if err := os.Chmod(plainInterpreter, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, program, dir string
		kind               proc.StartErrorKind
		reason             string
	}{
		{"missing", "/no/such/program", "", proc.ProgramMissing, "/no/such/program doesn't exist"},
		{"below a file", "/etc/passwd/x", "", proc.ProgramMissing, "isn't a directory"},
		{"dangling link", filepath.Join(b.Dir, "dangling"), "", proc.ProgramMissing, "symbolic link"},
		{"circle", filepath.Join(b.Dir, "circle"), "", proc.ProgramMissing, "circle"},
		{"long name", "/" + strings.Repeat("x", 300), "", proc.ProgramMissing, "301 bytes"},
		{"not in PATH", "no-such-program", "", proc.ProgramMissing, "PATH=/usr/bin:/bin"},
		{"working directory", good, b.Dir + "/no-dir", proc.DirectoryMissing, "doesn't exist"},
		{"working directory is a file", good, good, proc.DirectoryMissing, "isn't a directory"},
		{"interpreter", b.Script("interp", "#!/no/such/interpreter -x\n"), "", proc.InterpreterMissing, "/no/such/interpreter"},
		{"CR LF", b.Script("crlf", "#!/bin/sh\r\nexit 0\r\n"), "", proc.CarriageReturn, "CR LF"},
		{"no shebang", b.Script("none", "exit 0\n"), "", proc.ProgramFormat, "#!/bin/sh"},
		{"byte order mark", b.Script("bom", "\xef\xbb\xbf#!/bin/sh\n"), "", proc.ProgramFormat, "byte order mark"},
		{"empty", b.Script("empty", ""), "", proc.ProgramFormat, "is empty"},
		{"empty shebang", b.Script("emptysb", "#!\n"), "", proc.ProgramFormat, "names no interpreter"},
		{"other machine", b.Script("elf", "\x7fELF\x01\x01\x01 nothing"), "", proc.ProgramFormat, "another kind of machine"},
		{"binary", b.Script("binary", "\x00\x01\x02"), "", proc.ProgramFormat, "isn't a program"},
		{"no x bit", plain, "", proc.ProgramForbidden, "chmod"},
		{"directory", filepath.Join(b.Dir, "dir"), "", proc.ProgramForbidden, "is a directory"},
		{"interpreter without x bit", b.Script("ix", "#!"+plainInterpreter+"\n"), "", proc.ProgramForbidden, "interpreter"},
		{"interpreter is a directory", b.Script("id", "#!"+b.Dir+"\n"), "", proc.ProgramForbidden, "is a directory"},
		{"busy", busy, "", proc.ProgramBusy, "open for writing"},
		{"NUL", "/bin/\x00sh", "", proc.BadString, "NUL"},
		{"nothing", "", "", proc.BadString, "no program"},
	}
	if noLoader != string(elf) {
		cases = append(cases, struct {
			name, program, dir string
			kind               proc.StartErrorKind
			reason             string
		}{"loader", b.Script("noloader", noLoader), "", proc.InterpreterMissing, "/lib64/no-linux"})
	}
	for _, c := range cases {
		s := b.Sh("")
		s.Argv = []string{c.program}
		s.Dir = c.dir
		_, err := b.Owner.Start(context.Background(), s)
		if err == nil {
			t.Errorf("%s: it started", c.name)
			continue
		}
		serr := StartError(t, err)
		if serr.Kind != c.kind || !strings.Contains(serr.Reason, c.reason) {
			t.Errorf("%s: %s: %q, want %s: ...%q...", c.name, serr.Kind, serr.Reason, c.kind, c.reason)
		}
		e := b.End(s.Key)
		if e.StartError == nil || *e.StartError != *serr {
			t.Errorf("%s: ended as %+v", c.name, e)
		}
		if _, err := b.Owner.Start(context.Background(), s); StartError(t, err).Kind != c.kind {
			t.Errorf("%s: the same key again: %v", c.name, err)
		}
	}
}

func testTooLong(t *testing.T, b *Bench) {
	maxString := 32*os.Getpagesize() - 1
	for _, c := range []struct {
		name   string
		argv   []string
		env    []string
		reason []string
	}{
		{"argument", []string{"/bin/true", "a", strings.Repeat("x", maxString+1)}, nil, []string{"argument 2", "131072", "131071"}},
		{"variable", []string{"/bin/true"}, []string{"A=b", "LONG=" + strings.Repeat("x", maxString)}, []string{`"LONG"`, "131076", "131071"}},
		{"all", []string{"/bin/true"}, manyVariables(100, 100_000), []string{"together", `"V99"`}},
		{"NUL", []string{"/bin/true"}, []string{"N=a\x00b"}, []string{`"N"`, "NUL"}},
	} {
		s := b.Sh("")
		s.Argv, s.Env = c.argv, c.env
		_, err := b.Owner.Start(context.Background(), s)
		serr := StartError(t, err)
		for _, r := range c.reason {
			if os.Getpagesize() == 4096 && !strings.Contains(serr.Reason, r) {
				t.Errorf("%s: %q doesn't name %q", c.name, serr.Reason, r)
			}
		}
		b.End(s.Key)
	}
	s := b.Sh("")
	s.Argv = []string{"/bin/true", strings.Repeat("x", maxString)}
	if e, _ := b.Run(s); e.ExitCode != 0 {
		t.Errorf("the longest argument: %+v", e)
	}
}

// manyVariables makes n variables; the last is the longest.
func manyVariables(n, size int) []string {
	env := []string{"PATH=/usr/bin:/bin"}
	for i := range n {
		env = append(env, "V"+string(rune('0'+i/10))+string(rune('0'+i%10))+"="+strings.Repeat("x", size+i))
	}
	return env
}

func testBigEnvironment(t *testing.T, b *Bench) {
	s := b.Sh("env | wc -c")
	s.Env = manyVariables(10, 100_000) // 1 MB: more than a packet holds
	e, out := b.Run(s)
	if n := strings.TrimSpace(out); e.ExitCode != 0 || len(n) != 7 || n < "1000000" {
		t.Errorf("%+v: it saw %s bytes of environment", e, n)
	}
}

func testPathLookup(t *testing.T, b *Bench) {
	bin := filepath.Join(b.Dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	b.Script("bin/tool", "#!/bin/sh\nexit 12\n")
	plain := filepath.Join(b.Dir, "tool") // no x bit: passed over
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bin, "/none:" + b.Dir + ":" + bin, "bin", "::bin"} {
		s := b.Sh("")
		s.Argv, s.Env = []string{"tool"}, []string{"PATH=/usr/bin", "PATH=" + path}
		b.Start(s)
		if e := b.End(s.Key); e.ExitCode != 12 {
			t.Errorf("PATH=%s: %+v", path, e)
		}
	}
	s := b.Sh("")
	s.Argv = []string{"bin/tool"} // relative to Dir
	b.Start(s)
	if e := b.End(s.Key); e.ExitCode != 12 {
		t.Errorf("relative path: %+v", e)
	}
	for env, kind := range map[string]proc.StartErrorKind{"PATH=" + b.Dir: proc.ProgramForbidden, "NOPATH=": proc.ProgramMissing} {
		s := b.Sh("")
		s.Argv, s.Env = []string{"tool"}, []string{env}
		_, err := b.Owner.Start(context.Background(), s)
		if serr := StartError(t, err); serr.Kind != kind {
			t.Errorf("%s: %s: %s", env, serr.Kind, serr.Reason)
		}
	}
}

func testShell(t *testing.T, b *Bench) {
	s := b.Sh("")
	s.Shell = true
	s.Argv = []string{b.Script("none", "echo \"$0 $1 $#\"; exit 8\n"), "a b", "c"}
	e, out := b.Run(s)
	if want := s.Argv[0] + " a b 2\n"; e.ExitCode != 8 || out != want {
		t.Errorf("%+v wrote %q, want %q", e, out, want)
	}
	s = b.Sh("")
	s.Shell = true
	s.Argv = []string{b.Script("binary", "\x00\x01\x02")}
	if _, err := b.Owner.Start(context.Background(), s); StartError(t, err).Kind != proc.ProgramFormat {
		t.Errorf("a binary file: %v", err)
	}
}
