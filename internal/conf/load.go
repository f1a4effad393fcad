package conf

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/hocon"
)

// LoadController reads the settings of a Controller from controller.conf and
// private/private.conf below configDir. Relative paths in the settings are
// made relative to configDir or, where the documentation says so, dataDir. The
// error is a *fault.Error of kind Invalid, code InvalidConfiguration, with all
// problems.
func LoadController(configDir, dataDir string, read Reader) (*Controller, error) {
	return LoadControllerWith(configDir, dataDir, read, Given{})
}

// LoadControllerWith is LoadController of a part that is told something besides.
func LoadControllerWith(configDir, dataDir string, read Reader, given Given) (*Controller, error) {
	c := &Controller{}
	if err := load(ControllerPart, configDir, dataDir, read, given, func(b *binder) { bindController(b, c) }); err != nil {
		return nil, err
	}
	return c, nil
}

// LoadAgent is LoadController for an Agent and agent.conf.
func LoadAgent(configDir, dataDir string, read Reader) (*Agent, error) {
	return LoadAgentWith(configDir, dataDir, read, Given{})
}

// LoadAgentWith is LoadAgent of a part that is told something besides.
func LoadAgentWith(configDir, dataDir string, read Reader, given Given) (*Agent, error) {
	a := &Agent{}
	if err := load(AgentPart, configDir, dataDir, read, given, func(b *binder) { bindAgent(b, a) }); err != nil {
		return nil, err
	}
	return a, nil
}

// LoadCockpit is LoadController for a Cockpit and cockpit.conf.
func LoadCockpit(configDir, dataDir string, read Reader) (*Cockpit, error) {
	c := &Cockpit{}
	if err := load(CockpitPart, configDir, dataDir, read, Given{}, func(b *binder) { bindCockpit(b, c) }); err != nil {
		return nil, err
	}
	return c, nil
}

func load(part Part, configDir, dataDir string, read Reader, given Given, bind func(*binder)) error {
	b := &binder{part: part, configDir: configDir, dataDir: dataDir, given: given, file: filepath.Join(configDir, string(part)+".conf")}
	var cause error
	if b.root, cause = b.read(read); b.root != nil {
		bind(b)
		b.refuseUnknown()
	}
	if len(b.problems) == 0 {
		return nil
	}
	e := fault.Wrap(fault.Invalid, "InvalidConfiguration", cause, "the configuration of the %s in %s is not valid", part, configDir)
	e.Problems = b.problems
	return e
}

// read returns the merged tree of both files, or nil and why not; what is
// wrong with them is noted.
func (b *binder) read(read Reader) (*hocon.Value, error) {
	options := hocon.Options{
		Include: func(from, target string) (hocon.Source, error) {
			path := resolve(filepath.Dir(from), target)
			text, err := read(path)
			return hocon.Source{Name: path, Text: text}, err
		},
		Lookup: func(name string) (string, bool) {
			switch name {
			case "js7.config-directory":
				return b.configDir, true
			case "js7.data-directory":
				return b.dataDir, true
			}
			return "", false
		},
	}
	private, errPrivate := b.source(read, filepath.Join(b.configDir, "private", "private.conf"), true)
	own, errOwn := b.source(read, b.file, false)
	if err := errors.Join(errPrivate, errOwn); err != nil {
		return nil, err
	}
	root, err := hocon.ParseAll(options, private, own)
	if err == nil {
		return root, nil
	}
	b.problems = append(b.problems, fault.Of(err).Problems...)
	if hocon.CheckSyntax(private, options) != nil {
		if err := hocon.CheckSyntax(own, options); err != nil {
			b.problems = append(b.problems, fault.Of(err).Problems...)
		}
	}
	return nil, nil
}

// source reads one file; one that isn't there is empty if it is optional.
func (b *binder) source(read Reader, path string, optional bool) (hocon.Source, error) {
	text, err := read(path)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && optional:
		err = nil
	case errors.Is(err, fs.ErrNotExist):
		b.problem(path, "the file is missing; an empty one takes every default")
	default:
		b.problem(path, "the file can't be read; see to it that the part's user may read it")
	}
	return hocon.Source{Name: path, Text: text}, err
}
