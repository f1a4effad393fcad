package cli_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
)

// archiveOf returns an archive with one file.
func archiveOf(t *testing.T, f archive.Format, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := archive.NewWriter(&b, f, archive.DefaultLimits())
	if err == nil {
		err = w.Add(name, []byte(`{"instructions":[]}`))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sends(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }
}

func TestExport(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	data := archiveOf(t, archive.TarGz, "a.workflow.json")
	f.on("POST /inventory/export", sends(data))
	file := filepath.Join(t.TempDir(), "x.tar.gz")
	r := f.run(t, "export", "-o", file, "--for-signing", "--with-dependencies", "--deployed", "nightly/", "JobResource:db", "--reason", "why").want(t, 0)
	if r.out != file+": 1 object\n" {
		t.Errorf("said %q", r.out)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v", err)
	}
	want := `{"dependencies":true,"forSigning":true,"format":"tar.gz","paths":["nightly/","JobResource:db"],"reason":"why","source":"deployed"}`
	if got := f.last(t, "POST /inventory/export").body; got != want {
		t.Errorf("asked for %s", got)
	}

	// A broken answer leaves what was there.
	f = newCockpit(t)
	f.on("POST /inventory/export", sends(data[:len(data)-1]))
	if r := f.run(t, "export", "-o", file, "/").want(t, 6); !strings.Contains(r.err, "is no archive") {
		t.Errorf("said %q", r.err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v", err)
	}
	f.run(t, "export", "/").want(t, 2)
	f.run(t, "export", "-o", "x.rar", "/").want(t, 2)
	f.run(t, "export", "-o", file).want(t, 2)
	f = newCockpit(t)
	f.on("POST /inventory/export", sends(data))
	f.run(t, "export", "-o", filepath.Join(filepath.Dir(file), "none", "x.zip"), "/").want(t, 7)
}

const importAnswer = `{"preview":true,"objects":[{"kind":"Workflow","path":"a","file":"a.workflow.json","change":"conflict","why":"its draft, saved by bert, would be replaced","signed":true,
	"problems":[{"pointer":"/jobz","line":2,"message":"unknown field"}],"adjusted":[]}],"problems":[],"deployed":[]}`

func TestImport(t *testing.T) {
	t.Parallel()
	f := newCockpit(t)
	data := archiveOf(t, archive.Zip, "a.workflow.json")
	file := filepath.Join(t.TempDir(), "x.zip")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f.on("POST /inventory/import", answer(importAnswer))
	f.on("POST /deployments/import", answer(strings.Replace(importAnswer, "conflict", "new", 1)))
	r := f.run(t, "import", file, "--preview", "--map-folder", "a=b", "--map-folder", "c=d,e=f", "--map-agent", "x=y", "--prefix", "p-", "--suffix", "-s", "--folder", "in", "--reason", "why").want(t, 1)
	if !strings.Contains(r.out, "conflict  yes") || !strings.Contains(r.err, "saved by bert") || !strings.Contains(r.err, "line 2 /jobz: unknown field") {
		t.Errorf("said %q and %q", r.out, r.err)
	}
	asked := f.last(t, "POST /inventory/import")
	if asked.body != string(data) || asked.query != "folder=in&mapAgent=x%3Dy&mapFolder=a%3Db%2Cc%3Dd%2Ce%3Df&prefix=p-&preview=true&reason=why&suffix=-s" {
		t.Errorf("asked %q", asked.query)
	}
	f.run(t, "import", file, "--preview", "--overwrite").want(t, 0)
	if q := f.last(t, "POST /inventory/import").query; q != "overwrite=true&preview=true" {
		t.Errorf("asked %q", q)
	}
	if r := f.run(t, "import", file, "--deploy", "--controller", "c", "-o", "json").want(t, 0); !strings.Contains(r.out, `"preview": true`) {
		t.Errorf("said %q", r.out)
	}
	if q := f.last(t, "POST /deployments/import").query; !strings.HasPrefix(q, "controller=c&requestId=") {
		t.Errorf("asked %q", q)
	}
	f.run(t, "import", file, "--deploy", "--overwrite").want(t, 2)
	f.run(t, "import", "x.tar").want(t, 2)
	f.run(t, "import", filepath.Join(t.TempDir(), "none.zip")).want(t, 3)
	f = newCockpit(t)
	f.on("POST /deployments/import", refuse(fault.Untrusted, "InvalidEvidence", "bad signature"))
	if r := f.run(t, "import", file, "--deploy").want(t, 5); !strings.Contains(r.err, "bad signature") {
		t.Errorf("said %q", r.err)
	}
	f = newCockpit(t)
	f.on("POST /inventory/import", answer(`nonsense`))
	f.run(t, "import", file).want(t, 6)
}
