package cli

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/objectfile"
)

func (s *session) validateVerb() *cobra.Command {
	var git gitFlags
	c := s.verb(verb{
		use: "validate PATH...|--commit REV", short: "Check object files without a server", args: cobra.ArbitraryArgs,
		long:    "Every problem is told with its file and line or JSON path. The exit code is 7 if there is one. With --commit the files are those of a Git commit.",
		example: "  signet validate workflows/\n  signet validate load.workflow.json -o json\n  signet validate --commit HEAD --folder flows",
		run: func(ctx context.Context, args []string) error {
			source, err := git.source(ctx, s, args)
			if err != nil {
				return err
			}
			problems, err := validate(source)
			if err != nil {
				return err
			}
			if s.json() {
				if problems == nil {
					problems = []fault.Problem{}
				}
				if err := s.printJSON(struct {
					Problems []fault.Problem `json:"problems"`
				}{problems}); err != nil {
					return err
				}
				if len(problems) > 0 {
					return &exitError{fault.Invalid.ExitCode()}
				}
				return nil
			}
			if len(problems) == 0 {
				return nil
			}
			e := fault.New(fault.Invalid, "InvalidFiles", "%s", count(len(problems), "problem"))
			e.Problems = problems
			return e
		},
	})
	git.register(c)
	return c
}

// validate returns everything that is wrong with the files. Only files that are
// missing altogether are an error. Files that are no object files at all don't
// keep the others from being looked at.
func validate(files *fileSource) ([]fault.Problem, error) {
	source := &passingOver{Source: files.Source}
	for {
		objects, err := objectfile.Collect(source.without(files.paths), source)
		if err == nil {
			return append(source.problems, objectfile.Validate(objects)...), nil
		}
		e := fault.Of(err)
		if e.Kind == fault.NotFound || e.Kind == fault.TooLarge || len(e.Problems) == 0 {
			return nil, err
		}
		if !source.pass(e.Problems) {
			return source.problems, nil
		}
	}
}

// passingOver is a source without the files that something was wrong with.
type passingOver struct {
	objectfile.Source
	problems []fault.Problem
}

// pass adds problems; false if none was new.
func (p *passingOver) pass(found []fault.Problem) bool {
	before := len(p.problems)
	for _, f := range found {
		if !slices.Contains(p.problems, f) {
			p.problems = append(p.problems, f)
		}
	}
	return len(p.problems) > before
}

// passes tells whether a file is passed over: something is wrong with it, or
// with the document whose evidence it is.
func (p *passingOver) passes(file string) bool {
	for _, suffix := range objectfile.EvidenceSuffixes() {
		if document, ok := strings.CutSuffix(file, suffix); ok && p.passes(document) {
			return true
		}
	}
	return slices.ContainsFunc(p.problems, func(f fault.Problem) bool {
		rest, ok := strings.CutPrefix(f.Where, file)
		return ok && (rest == "" || rest[0] == ':' || rest[0] == ' ')
	})
}

func (p *passingOver) without(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return p.passes(filepath.Clean(path)) })
}

// ReadDir returns the entries of a folder that aren't passed over.
func (p *passingOver) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := p.Source.ReadDir(name)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return p.passes(filepath.Join(name, e.Name())) }), nil
}

// Lstat doesn't find a file that is passed over: it is evidence beside a single
// file.
func (p *passingOver) Lstat(name string) (fs.FileInfo, error) {
	if p.passes(name) {
		return nil, fs.ErrNotExist
	}
	return p.Source.Lstat(name)
}
