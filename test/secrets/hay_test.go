package secrets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/signet-scheduler/signet/internal/store/postgres"
	"github.com/signet-scheduler/signet/internal/store/rows"
	"github.com/signet-scheduler/signet/internal/store/sqlite"
	"github.com/signet-scheduler/signet/internal/store/transfer"
)

// mostUnpacked bounds what one compressed frame is unpacked to.
const mostUnpacked = 256 << 20

// search is a search for needles.
type search struct {
	needles []needle
	found   []string
	bytes   int64 // looked at
	frames  int   // unpacked
	rows    int   // of databases
}

// tree looks at all files below a folder that skip doesn't name, by their path in
// it.
func (s *search) tree(dir string, skip func(path string) bool) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || skip(filepath.ToSlash(name)) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s.blob(name, data, 0)
		return nil
	})
}

// blob looks at bytes, at what is packed in them, and at what is packed in that.
func (s *search) blob(where string, data []byte, depth int) {
	s.bytes += int64(len(data))
	s.look(where, data)
	// Lines are broken in PEM, and in JSON line ends are \n.
	s.look(where+", without spaces", []byte(strings.NewReplacer("\r", "", "\n", "", "\t", "", " ", "", `\r`, "", `\n`, "").Replace(string(data))))
	if depth > 3 {
		return
	}
	for _, f := range []struct {
		magic  string
		unpack func(io.Reader) (io.Reader, error)
	}{
		{"\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }},
		{"\x1f\x8b\x08", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	} {
		for at := 0; ; at++ {
			n := bytes.Index(data[at:], []byte(f.magic))
			if n < 0 {
				break
			}
			at += n
			r, err := f.unpack(bytes.NewReader(data[at:]))
			if err != nil {
				continue
			}
			// What comes before an error counts, too: behind a frame there is something else.
			if plain, _ := io.ReadAll(io.LimitReader(r, mostUnpacked)); len(plain) > 0 {
				s.frames++
				s.blob(fmt.Sprintf("%s, packed at %d", where, at), plain, depth+1)
			}
			if c, ok := r.(*zstd.Decoder); ok {
				c.Close()
			}
		}
	}
}

// exporter is a database of either kind.
type exporter interface {
	Export(ctx context.Context, f func(transfer.Database) error) error
	Close() error
}

// open opens the database at an address, or in a file.
func open(ctx context.Context, where string) (exporter, error) {
	if strings.HasPrefix(where, "postgres:") {
		return postgres.Open(ctx, postgres.Options{URL: where})
	}
	return sqlite.Open(ctx, sqlite.Options{File: where})
}

// database looks at every value of every row: in the file, long ones are in pieces.
func (s *search) database(ctx context.Context, where string) (err error) {
	db, err := open(ctx, where)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := db.Close(); err == nil {
			err = cerr
		}
	}()
	return db.Export(ctx, func(all transfer.Database) error {
		tables, err := all.Tables()
		if err != nil {
			return err
		}
		for _, t := range tables {
			values, into := make([]any, len(t.Columns)), make([]any, len(t.Columns))
			for i := range values {
				into[i] = &values[i]
			}
			err := all.Each("SELECT "+t.Quoted()+" FROM "+t.Name, func(r rows.Row) error {
				s.rows++
				if err := r.Scan(into...); err != nil {
					return err
				}
				for i, v := range values {
					switch v := v.(type) {
					case []byte:
						s.blob("table "+t.Name+", "+t.Columns[i], v, 0)
					case string:
						s.blob("table "+t.Name+", "+t.Columns[i], []byte(v), 0)
					}
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
		}
		return nil
	})
}

func (s *search) look(where string, data []byte) {
	for _, n := range s.needles {
		for form, text := range n.forms {
			if bytes.Contains(data, text) {
				s.found = append(s.found, fmt.Sprintf("%s is in %s (%s)", n.name, where, form))
			}
		}
	}
}
