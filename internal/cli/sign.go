package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/item"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
	"github.com/signet-scheduler/signet/internal/trust"
)

func (s *session) signVerb() *cobra.Command {
	var f signFlags
	var label string
	c := s.verb(verb{
		use: "sign --key KEY|--keystore FILE|--agent KEY PATH...", short: "Sign object files, releases, or all in an archive", args: cobra.MinimumNArgs(1),
		long: `The key is a file (--key): a private key in PEM, with its certificate in --cert and intermediates behind it, an OpenSSH private key, or an armoured
OpenPGP private key; a PKCS#12 keystore (--keystore), whose password comes from --passphrase-file, $SIGNET_KEYSTORE_PASSWORD, or is asked for; or a key that an
ssh-agent holds (--agent), also one of a PKCS#11 device that ` + "`ssh-add -s`" + ` has brought in. An agent signs as ssh-keygen does, and with --cert for its certificate.

A detached signature is written beside each file, named after it: .sig and .pem, .sshsig, or .asc. Of a folder or archive with a release (NAME.release.json) the
release alone is signed, after a look at whether it fits the documents. Signatures in an archive are put into it. A document with a signature of its own must
state TYPE, path and, for a workflow, versionId; YAML can't be signed. A signature that is there of a document is replaced by one of the same form. Each signature is verified
before it is written. Of a release, each signer has a signature of their own: another's stays, and the next of the same form is named NAME.release.json.2.sshsig,
or by --label, so that those who sign at the same time don't write the same file.`,
		example: "  signet sign --key signing-key.pem --cert signing-cert.pem workflows/\n  signet sign --keystore anna.p12 --alias anna to-sign.tar.gz\n  signet sign --agent SHA256:3Vq1... 2026-12.release.json",
		run: func(ctx context.Context, args []string) error {
			if !f.given() {
				return Usage("there is no key to sign with: name it by --key, --keystore or --agent")
			}
			if label != "" {
				if err := objectfile.CheckLabel(label); err != nil {
					return err
				}
			}
			work, err := gatherSigning(ctx, args)
			if err != nil {
				return err
			}
			work.label = label
			signer, end, err := s.signer(ctx, &f)
			defer end()
			if err != nil {
				return err
			}
			return s.sign(signer, work)
		},
	})
	f.register(c, "key", "file with the private key")
	c.Flags().StringVar(&label, "label", "", "of a release: tells the file of this signature from those of others, as bob does in NAME.release.json.bob.sig")
	return c
}

// signing is what is to be signed: files with evidence beside them, and archives.
type signing struct {
	objects  []objectfile.Object
	releases []objectfile.Release
	archives []*signedArchive
	label    string // of signatures of releases
}

// signedArchive is an archive into which signatures go.
type signedArchive struct {
	*parcel
	objects []objectfile.Object
	release *objectfile.Release
}

// gatherSigning reads all that was named.
func gatherSigning(ctx context.Context, args []string) (*signing, error) {
	work := &signing{}
	var files []string
	for _, arg := range args {
		var err error
		switch _, noArchive := formatOf(arg); {
		case noArchive == nil:
			err = work.addArchive(ctx, arg)
		case strings.HasSuffix(arg, release.Suffix):
			err = work.addRelease(arg)
		case hasRelease(arg):
			err = work.addFolder(ctx, arg)
		default:
			files = append(files, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(files) > 0 {
		objects, err := objectfile.Collect(files, objectfile.Disk{})
		if err != nil {
			return nil, err
		}
		work.objects = objects
	}
	if len(work.objects)+len(work.releases)+len(work.archives) == 0 {
		return nil, fault.New(fault.Invalid, "NothingToSign", "there are no object files in what was named; they are called like NAME.workflow.json")
	}
	return work, nil
}

// hasRelease tells whether a release lies in a folder.
func hasRelease(folder string) bool {
	found, err := filepath.Glob(filepath.Join(escapeGlob(folder), "*"+release.Suffix))
	return err == nil && len(found) > 0
}

// escapeGlob returns a name as a pattern that fits it only.
func escapeGlob(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

func (w *signing) addArchive(ctx context.Context, file string) error {
	p, err := parcelOf(ctx, file)
	if err != nil {
		return err
	}
	contents, err := p.contents()
	if err != nil {
		return err
	}
	a := &signedArchive{parcel: p, release: contents.Release}
	if contents.Release == nil {
		a.objects = contents.Objects
	}
	w.archives = append(w.archives, a)
	return nil
}

// addFolder takes the release in a folder, after looking at the documents.
func (w *signing) addFolder(ctx context.Context, folder string) error {
	p, err := parcelOf(ctx, folder)
	if err != nil {
		return err
	}
	contents, err := p.contents()
	if err != nil {
		return err
	}
	r := *contents.Release
	r.File = filepath.Join(folder, r.File)
	w.releases = append(w.releases, r)
	return nil
}

// sign signs everything, after all was found good, and writes the files.
func (s *session) sign(signer trust.SignerKey, work *signing) error {
	files := map[string][]byte{}
	wrong := fault.New(fault.Invalid, "CannotSign", "nothing was signed")
	take := func(into map[string][]byte, file string) func(map[string][]byte, []fault.Problem) {
		return func(evidence map[string][]byte, problems []fault.Problem) {
			wrong.Problems = append(wrong.Problems, problems...)
			for suffix, data := range evidence {
				into[file+suffix] = data
			}
		}
	}
	for i := range work.objects {
		take(files, work.objects[i].File)(signOne(signer, &work.objects[i]))
	}
	for i := range work.releases {
		take(files, work.releases[i].File)(signRelease(signer, &work.releases[i], work.label))
	}
	for _, a := range work.archives {
		fresh := map[string][]byte{}
		for i := range a.objects {
			take(fresh, a.objects[i].File)(signOne(signer, &a.objects[i]))
		}
		if a.release != nil {
			take(fresh, a.release.File)(signRelease(signer, a.release, work.label))
		}
		if err := a.with(fresh, files); err != nil {
			return err
		}
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if err := writeFile(name, files[name], 0o644); err != nil {
			return err
		}
	}
	if err := removeStale(files); err != nil {
		return err
	}
	if s.json() {
		return s.printJSON(struct {
			Signer string   `json:"signer"`
			Files  []string `json:"files"`
		}{signer.Name(), names})
	}
	for _, name := range names {
		fmt.Fprintln(s.io.Out, printable(name))
	}
	return nil
}

// with puts fresh signatures into the archive, whose new form comes to the files.
func (a *signedArchive) with(fresh, files map[string][]byte) error {
	maps.Copy(a.files, fresh)
	for name := range fresh {
		if document, raw := strings.CutSuffix(name, ".sig"); raw && fresh[document+".pem"] == nil {
			delete(a.files, document+".pem")
		}
	}
	format, err := formatOf(a.from)
	if err != nil {
		return err
	}
	files[a.from], err = a.pack(format)
	return err
}

// removeStale removes certificates beside raw signatures that have none: one must
// not stand beside the certificate of the key before.
func removeStale(files map[string][]byte) error {
	for name := range files {
		document, raw := strings.CutSuffix(name, ".sig")
		if pem := document + ".pem"; raw && files[pem] == nil && exists(pem) {
			if err := os.Remove(pem); err != nil {
				return fault.Wrap(fault.Invalid, "CannotWrite", err, "%s", err)
			}
		}
	}
	return nil
}

// signOne signs one document, or tells why it can't be.
func signOne(signer trust.SignerKey, o *objectfile.Object) (map[string][]byte, []fault.Problem) {
	if o.YAML {
		return nil, []fault.Problem{{Where: o.File, Message: "YAML can't carry a signature of its own: sign the document in JSON"}}
	}
	unsigned := *o
	unsigned.Evidence = map[string][]byte{".sig": nil} // it states everything itself
	if problems := objectfile.Validate([]objectfile.Object{unsigned}); len(problems) > 0 {
		return nil, problems
	}
	if _, err := item.Parse(o.Bytes); err != nil {
		return nil, []fault.Problem{{Where: o.File, Message: fault.Of(err).Public()}}
	}
	evidence, err := trust.SignChecked(signer, o.Bytes)
	if err != nil {
		return nil, []fault.Problem{{Where: o.File, Message: fault.Of(err).Public()}}
	}
	files := evidence.Files()
	for suffix := range o.Evidence {
		if files[suffix] == nil && !(suffix == ".pem" && files[".sig"] != nil) {
			return nil, []fault.Problem{{Where: o.File + suffix, Message: "there is a signature of another form; remove it first"}}
		}
	}
	return files, nil
}
