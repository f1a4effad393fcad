package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-scheduler/signet/internal/archive"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/release"
)

// parcel is files as an archive has them, wherever they come from: documents,
// evidence beside them, possibly a release.
type parcel struct {
	from  string            // what people call it
	files map[string][]byte // by their names below the root
}

// parcelOf reads an archive, or what lies below a folder.
func parcelOf(ctx context.Context, name string) (*parcel, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Wrap(fault.NotFound, "FileNotFound", err, "%s doesn't exist", name)
	case err != nil:
		return nil, fault.Wrap(fault.Invalid, "CannotRead", err, "%s", err)
	}
	p := &parcel{from: name, files: map[string][]byte{}}
	if info.IsDir() {
		w := folderWalk{into: p, limits: archive.DefaultLimits()}
		return p, w.folder(filepath.Clean(name), "", 0)
	}
	if _, err := formatOf(name); err != nil {
		return nil, err
	}
	data, err := readBounded(name, archive.DefaultLimits().Packed)
	if err != nil {
		return nil, err
	}
	err = archive.Read(ctx, bytes.NewReader(data), archive.DefaultLimits(), func(entry string, data []byte) error {
		p.files[entry] = data
		return nil
	})
	if err != nil {
		return nil, fault.Of(err).About(name)
	}
	return p, nil
}

// folderWalk takes the files below a folder, but for names that begin with a dot.
type folderWalk struct {
	into   *parcel
	limits archive.Limits
	total  int64
}

// maxParcelDepth bounds how deep folders lie.
const maxParcelDepth = 64

func (w *folderWalk) folder(dir, place string, depth int) error {
	if depth > maxParcelDepth {
		return fault.New(fault.Invalid, "InvalidFiles", "%s: folders are nested deeper than %d", dir, maxParcelDepth)
	}
	entries, err := objectfile.Disk{}.ReadDir(dir)
	if err != nil {
		return fault.Wrap(fault.Invalid, "CannotRead", err, "%s", err)
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			if err := w.folder(file, path.Join(place, e.Name()), depth+1); err != nil {
				return err
			}
		case !e.Type().IsRegular():
			return fault.New(fault.Invalid, "InvalidFiles", "%s is neither a file nor a folder; links aren't followed", file)
		default:
			if err := w.file(file, path.Join(place, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *folderWalk) file(file, place string) error {
	f, err := objectfile.Disk{}.Open(file)
	if err != nil {
		return fault.Wrap(fault.Invalid, "CannotRead", err, "%s", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, w.limits.Entry+1))
	_ = f.Close() // read only
	if err != nil {
		return fault.Wrap(fault.Invalid, "CannotRead", err, "%s can't be read: %s", file, err)
	}
	w.into.files[place] = data
	if w.total += int64(len(data)); w.total > w.limits.Total || int64(len(data)) > w.limits.Entry || len(w.into.files) > w.limits.Entries {
		return fault.New(fault.TooLarge, "TooManyFiles", "%s: a parcel has at most %d files and %d bytes", file, w.limits.Entries, w.limits.Total)
	}
	return nil
}

// contents returns what stands in the files. A release among them fits the documents.
func (p *parcel) contents() (objectfile.Contents, error) {
	var entries objectfile.Entries
	for name, data := range p.files {
		entries.Add(name, data)
	}
	contents, err := entries.Contents()
	if err == nil && len(contents.Objects) == 0 {
		err = fault.New(fault.Invalid, "NothingThere", "there are no object files in %s; they are called like NAME.workflow.json", p.from)
	}
	if err == nil {
		err = checkRelease(&contents)
	}
	return contents, err
}

// pack makes an archive of the files: the same ones give the same bytes.
func (p *parcel) pack(f archive.Format) ([]byte, error) {
	var b bytes.Buffer
	w, err := archive.NewWriter(&b, f, archive.DefaultLimits())
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if err := w.Add(name, p.files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("packing %s: %w", p.from, err)
	}
	return b.Bytes(), nil
}

// checkRelease looks at whether the release in contents, if there is one, fits the
// documents.
func checkRelease(c *objectfile.Contents) error {
	if c.Release == nil {
		return nil
	}
	m, err := release.Parse(c.Release.Text)
	if err != nil {
		return fault.Of(err).About(c.Release.File)
	}
	wrong := fault.New(fault.Invalid, "InvalidRelease", "the documents aren't what the release %s lists", m.Name)
	for i := range c.Objects {
		o := &c.Objects[i]
		if o.Evidence != nil {
			continue
		}
		version, err := statedVersion(o)
		if err == nil {
			err = m.Covers(o.Key, version, string(o.Bytes))
		}
		if err != nil {
			wrong.Problems = append(wrong.Problems, fault.Problem{Where: o.File, Message: fault.Of(err).Public()})
		}
	}
	if len(wrong.Problems) > 0 {
		return wrong
	}
	return nil
}
