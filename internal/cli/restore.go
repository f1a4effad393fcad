package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/signet-scheduler/signet/internal/backup"
)

// RestoreOptions says what of a backup goes where.
type RestoreOptions struct {
	File    string
	Data    string // the installation's folder, or the part's data folder
	Replace bool   // what is there goes aside
	Key     string // file of the key with which keys and configuration are sealed

	// Of one part of a production installation.
	Part      string // cockpit, controller or agent; "": the installation of `signet dev`
	ConfigDir string
	Run       string // a word for this restoration
}

// RestoreResult tells what was restored.
type RestoreResult struct {
	Data     string           `json:"data"`
	Time     int64            `json:"time"`               // of the backup
	Restored []string         `json:"restored"`           // names of parts
	Replaced string           `json:"replaced,omitempty"` // where the old data went
	Missing  []backup.Missing `json:"missing"`            // what the installation has and the backup hasn't, or what belongs elsewhere
}

func (s *session) restoreVerb() *cobra.Command {
	var o RestoreOptions
	c := s.verb(verb{
		use: "restore FILE [--data DIR]", short: "Bring an installation, or a part of one, back from a backup",
		long: `Parts that are restored must not run. The whole file is checked before anything is written, and all is written aside before it takes its place.

Without --part it restores an installation of ` + "`signet dev`" + `: the folder DIR, which is empty, or whose content goes to DIR/replaced-TIME by --replace.
With --part it restores the data folder of one part, as its user, on its machine. Do so with all parts, each with the same --run: a word for this
restoration that was never used before. Parts that were not restored in the same run don't know each other any more; docs/operations/backup.md tells why.`,
		example: `  signet restore nightly.backup --data ./restored
  signet restore nightly.backup --part controller --config /etc/signet/controller --data /var/lib/signet/controller --run 2026-11-22`,
		args: cobra.ExactArgs(1),
		run: func(ctx context.Context, args []string) error {
			o.File = args[0]
			switch {
			case o.Part == "" && (o.ConfigDir != "" || o.Run != ""):
				return Usage("--config and --run belong to --part")
			case o.Part != "" && o.Part != backup.CockpitPart && o.Part != backup.ControllerPart && o.Part != backup.AgentPart:
				return Usage("--part is cockpit, controller or agent, not %q", o.Part)
			case o.Part != "" && (o.ConfigDir == "" || o.Data == ""):
				return Usage("--part needs --config and --data: the part's folders")
			case o.Part != "" && o.Part != backup.CockpitPart && o.Run == "":
				return Usage("--run is missing: a word for this restoration, the same for all its parts and never used before, like today's date")
			}
			if o.Part == "" && o.Data == "" {
				o.Data = s.installationDir()
			}
			if key, err := s.backupKey(o.Key); err == nil { // who has no folder of their own may not need it
				o.Key = key
			}
			result, err := s.program.Restore(ctx, o)
			if err != nil {
				return err
			}
			return s.tellRestore(result)
		},
	})
	f := c.Flags()
	f.StringVar(&o.Data, "data", "", "folder that is restored (default: that of the profile, else ./signet-data)")
	f.BoolVar(&o.Replace, "replace", false, "move what is in the folder to replaced-TIME in it")
	f.StringVar(&o.Key, "key", "", "file with the key that keys and configuration are sealed with (default: backup.key in the user's configuration folder)")
	f.StringVar(&o.Part, "part", "", "restore one part: cockpit, controller or agent")
	f.StringVar(&o.ConfigDir, "config", "", "that part's configuration folder")
	f.StringVar(&o.Run, "run", "", "a word for this restoration, the same for all its parts")
	_ = c.MarkFlagDirname("data") // the flags are there
	_ = c.MarkFlagDirname("config")
	_ = c.RegisterFlagCompletionFunc("part", cobra.FixedCompletions([]string{backup.CockpitPart, backup.ControllerPart, backup.AgentPart}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// installationDir returns the folder of the installation of `signet dev` whose
// profile is used, or the one that it makes by default.
func (s *session) installationDir() string {
	if path, err := s.profilePath(); err == nil {
		if files, err := s.program.InstallationFiles(filepath.Dir(path)); err == nil && len(files) > 0 {
			return filepath.Dir(path)
		}
	}
	return "./signet-data"
}

// tellRestore says what was done, and what is left to do.
func (s *session) tellRestore(r RestoreResult) error {
	for _, k := range r.Missing {
		fmt.Fprintf(s.io.Err, "signet: warning: the %s %s was not restored: %s\n", k.Kind, printable(k.Name), printable(k.Reason))
	}
	if s.json() {
		return s.printJSON(r)
	}
	t := s.table("RESTORED", "AS OF")
	for _, name := range r.Restored {
		t.row(name, clockText(r.Time))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if r.Replaced != "" {
		fmt.Fprintf(s.io.Err, "what was there is in %s\n", r.Replaced)
	}
	return nil
}
