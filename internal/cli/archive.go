package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/release"
)

// archiveHeaderTime is how long an answer about an archive may begin late: it is
// read, or made, as a whole before.
const archiveHeaderTime = 5 * time.Minute

// formatOf tells an archive's format by its file's name.
func formatOf(file string) (archive.Format, error) {
	for _, f := range []archive.Format{archive.Zip, archive.TarGz} {
		if strings.HasSuffix(file, "."+string(f)) {
			return f, nil
		}
	}
	return "", Usage("%q is no name of an archive; it ends with .zip or .tar.gz", file)
}

// exchange sends a body and returns the whole answer.
func (c *Client) exchange(ctx context.Context, path, mediaType, accept string, body []byte, repeatable bool) ([]byte, error) {
	if t, ok := c.http.Transport.(*http.Transport); ok {
		t.ResponseHeaderTimeout = archiveHeaderTime
	}
	resp, err := c.patiently(ctx, repeatable, func() (*http.Response, error) {
		return c.send(ctx, http.MethodPost, path, accept, body, "Content-Type", mediaType)
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, c.unreachable(err)
	case len(data) > maxAnswer:
		return nil, fault.New(fault.TooLarge, "AnswerTooLarge", "the Cockpit's answer to %s has more than %d bytes", path, maxAnswer)
	}
	return data, nil
}

func (s *session) exportVerb() *cobra.Command {
	var file string
	var in api.ExportRequest
	var deployed bool
	c := s.verb(verb{
		use: "export -o FILE PATH...", short: "Write objects of the inventory into an archive", args: cobra.MinimumNArgs(1),
		long: `FILE is a .zip or .tar.gz archive, by its name; one that is there is replaced. PATH is an object as KIND:PATH (JobResource:db-env), a folder with all
below as FOLDER/, everything as /, or a path alone: that of a workflow, or else of a folder. Agents are exported only when they are named themselves.

With --for-signing the documents are complete: the exact bytes that are deployed when ` + "`signet import --deploy`" + ` brings them back with signatures beside them.`,
		example: "  signet export -o nightly.zip nightly/ --with-dependencies\n  signet export -o to-sign.tar.gz --for-signing --release 42 / --reason 'as agreed'",
		run: func(ctx context.Context, args []string) error {
			if file == "" {
				return Usage("-o is missing: the file to be written")
			}
			format, err := formatOf(file)
			if err != nil {
				return err
			}
			in.Paths, in.Format = args, api.ExportRequestFormat(format)
			if deployed {
				in.Source = "deployed"
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			return s.export(ctx, client, in, format, file)
		},
	})
	flags := c.Flags()
	// It stands for the common -o, as nothing else is printed.
	flags.StringVarP(&file, "output", "o", "", "the archive to be written: NAME.zip or NAME.tar.gz")
	flags.BoolVar(&in.ForSigning, "for-signing", false, "write the exact bytes that are to be signed")
	flags.StringVar(&in.Release, "release", "", "with --for-signing: also write NAME.release.json, whose one signature suffices for all documents")
	flags.StringVar(&in.Audience, "audience", "", "id of the installation that the release is for (default: this one)")
	flags.IntVar(&in.ExpiresInDays, "expires-in-days", 0, "within how many days the release has to be deployed (default: 30)")
	flags.BoolVar(&in.Dependencies, "with-dependencies", false, "also what the objects name, but for Agents")
	flags.BoolVar(&deployed, "deployed", false, "take what is deployed, instead of the drafts")
	reasonFlag(c, &in.Reason)
	s.controllerFlag(c)
	return c
}

func (s *session) export(ctx context.Context, client *Client, in api.ExportRequest, format archive.Format, file string) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing a request: %w", err)
	}
	progress := s.progress()
	progress.show("exporting ...")
	data, err := client.exchange(ctx, s.at("/inventory/export"), "application/json", format.MediaType(), body, true)
	progress.end()
	if err != nil {
		return err
	}
	// What arrives broken doesn't replace what was there.
	n := 0
	err = archive.Read(ctx, bytes.NewReader(data), archive.DefaultLimits(), func(name string, _ []byte) error {
		if !strings.HasSuffix(name, release.Suffix) {
			n++
		}
		return nil
	})
	if err != nil {
		return fault.Wrap(fault.Unavailable, "StrangeAnswer", err, "the Cockpit's answer is no archive: %s", fault.Of(err).Public())
	}
	if err := writeFile(file, data, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(s.io.Out, printable(file+": "+count(n, "object")))
	return nil
}

// importFlags are what an import is told.
type importFlags struct {
	preview, deploy, overwrite     bool
	prefix, suffix, folder, reason string
	mapFolder, mapAgent            []string
}

func (s *session) importVerb() *cobra.Command {
	var f importFlags
	c := s.verb(verb{
		use: "import FILE", short: "Make drafts of the objects in an archive, or deploy them", args: cobra.ExactArgs(1),
		long: `FILE is a .zip or .tar.gz archive of object files, by ` + "`signet export`" + `, by hand, or by JS7. All of it is imported, or nothing. Objects get other paths by --folder,
--map-folder, --prefix and --suffix, and what they name of each other is adjusted; --map-agent gives them other Agents. A draft that is newer than what is
deployed is replaced with --overwrite only.

With --deploy the objects are deployed in one transaction. Signatures beside the documents are their evidence, and these documents stay as they are, byte for byte; else the
server signs, where the security level lets it.`,
		example: "  signet import nightly.zip --preview\n  signet import nightly.zip --map-folder dev=prod --map-agent agent-1=prod-agent\n  signet import signed.tar.gz --deploy --reason 'release 42'",
		run: func(ctx context.Context, args []string) error {
			if f.deploy && f.overwrite {
				return Usage("--overwrite is for drafts: --deploy replaces none")
			}
			if _, err := formatOf(args[0]); err != nil {
				return err
			}
			data, err := readBounded(args[0], archive.DefaultLimits().Packed)
			if err != nil {
				return err
			}
			client, err := s.client()
			if err != nil {
				return err
			}
			return s.imports(ctx, client, &f, args[0], data)
		},
	})
	flags := c.Flags()
	flags.BoolVar(&f.preview, "preview", false, "only tell what would happen; the exit code is 1 if it would be refused")
	flags.BoolVar(&f.deploy, "deploy", false, "deploy the objects")
	flags.BoolVar(&f.overwrite, "overwrite", false, "replace drafts that are newer than what is deployed")
	flags.StringVar(&f.prefix, "prefix", "", "goes in front of each name")
	flags.StringVar(&f.suffix, "suffix", "", "goes behind each name")
	flags.StringVar(&f.folder, "folder", "", "the folder into which everything goes")
	flags.StringSliceVar(&f.mapFolder, "map-folder", nil, "OLD=NEW: what lies below a folder gets another one (may be repeated)")
	flags.StringSliceVar(&f.mapAgent, "map-agent", nil, "OLD=NEW: what names an Agent names another one (may be repeated)")
	reasonFlag(c, &f.reason)
	s.controllerFlag(c)
	return c
}

// query returns where an import goes, with all that it is told.
func (f *importFlags) query(s *session) string {
	path, q := "/inventory/import", url.Values{}
	if f.deploy {
		path = "/deployments/import"
		q = s.query("requestId", newRequestID())
	}
	for name, value := range map[string]string{
		"prefix": f.prefix, "suffix": f.suffix, "folder": f.folder, "reason": f.reason,
		"mapFolder": strings.Join(f.mapFolder, ","), "mapAgent": strings.Join(f.mapAgent, ","),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.preview {
		q.Set("preview", "true")
	}
	if f.overwrite {
		q.Set("overwrite", "true")
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (s *session) imports(ctx context.Context, client *Client, f *importFlags, file string, data []byte) error {
	format, err := formatOf(file)
	if err != nil {
		return err
	}
	progress := s.progress()
	progress.show("importing %s ...", file)
	// A repetition finds the same drafts, or the same command.
	answer, err := client.exchange(ctx, f.query(s), format.MediaType(), "application/json", data, true)
	progress.end()
	if err != nil {
		return err
	}
	var out api.ImportResponse
	if err := json.Unmarshal(answer, &out); err != nil {
		return fault.Wrap(fault.Unavailable, "StrangeAnswer", err, "the answer is not what the API describes: %s", err)
	}
	if err := s.printImport(out); err != nil {
		return err
	}
	if out.Preview && wouldBeRefused(&out, f) {
		return &exitError{1}
	}
	return nil
}

// wouldBeRefused tells whether what was previewed would not be done.
func wouldBeRefused(out *api.ImportResponse, f *importFlags) bool {
	if len(out.Problems) > 0 {
		return true
	}
	for i := range out.Objects {
		if out.Objects[i].Change == "conflict" && !f.overwrite {
			return true
		}
	}
	return false
}

func (s *session) printImport(out api.ImportResponse) error {
	if s.json() {
		return s.printJSON(out)
	}
	t := s.table("KIND", "PATH", "CHANGE", "SIGNED", "PROBLEMS", "FILE")
	for _, o := range out.Objects {
		signed := "no"
		switch {
		case o.Signed:
			signed = "yes"
		case o.Release != "":
			signed = "release " + o.Release
		}
		t.row(o.Kind, o.Path, string(o.Change), signed, strconv.Itoa(len(o.Problems)), o.File)
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, o := range out.Objects {
		key := o.Kind + ":" + o.Path + " "
		if o.Why != "" {
			fmt.Fprintln(s.io.Err, printable(key+o.Why))
		}
		for _, p := range o.Problems {
			fmt.Fprintln(s.io.Err, printable(key+problemText(p)))
		}
	}
	for _, p := range out.Problems {
		fmt.Fprintln(s.io.Err, printable(p.Where+": "+p.Message))
	}
	return nil
}
