package house

import "slices"

// use forbids identifiers of a package of the standard library. Tests are
// exempt unless inTests says otherwise.
type use struct {
	pkg     string
	names   []string // empty: the whole package
	only    []string // rooms that may; empty: none
	kinds   []kind   // kinds of rooms the row is about; empty: all but test/ and tools/
	inTests bool
	reason  string
}

// uses is the table of forbidden uses.
var uses = []use{
	{
		pkg: "time", names: []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}, kinds: []kind{pure},
		reason: "time comes in as a value with the command: replaying the log must give the same state",
	},
	{
		pkg: "time", names: []string{"Sleep"}, only: []string{"internal/clock"}, inTests: true,
		reason: "waiting for a while is a guess: wait for a signal, or use the clock of internal/clock or testing/synctest",
	},
	{pkg: "unsafe", inTests: true, reason: "memory safety is one of the promises"},
	{pkg: "C", inTests: true, reason: "the program is one static binary without cgo"},
	{
		pkg: "os/exec", only: []string{"internal/proc", "internal/app", "internal/gitsource"},
		reason: "processes are started by proc, and by the supervisor of signet dev; repositories are read by git",
	},
	{pkg: "database/sql", only: []string{"internal/store"}, reason: "SQL stays in the store"},
	{pkg: "github.com/jackc/pgx/v5", only: []string{"internal/store"}, reason: "SQL stays in the store"},
	{pkg: "github.com/jackc/pgx/v5/pgxpool", only: []string{"internal/store"}, reason: "SQL stays in the store"},
	{
		pkg: "net/http", names: []string{"Server", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS"},
		only:   []string{"internal/transport", "internal/cockpit"},
		reason: "one place sets limits and TLS of servers",
	},
	{
		pkg: "net/http", names: []string{"DefaultClient", "DefaultTransport", "DefaultServeMux", "Get", "Post", "PostForm", "Head", "Handle", "HandleFunc"},
		reason: "the default client and mux are shared state without limits",
	},
	{
		pkg: "crypto/x509", names: []string{"CreateCertificate", "CreateRevocationList"}, only: []string{"internal/pki"},
		reason: "certificates are made in one place",
	},
	{
		pkg: "os", names: []string{"Create", "CreateTemp", "OpenFile", "WriteFile", "Rename", "Remove", "RemoveAll", "Mkdir", "MkdirAll", "MkdirTemp", "Truncate", "Link", "Symlink", "Chown"},
		only:   []string{"internal/fsys", "internal/proc", "internal/joblog", "internal/cli", "internal/app", "internal/agent"},
		reason: "what is written goes through fsys, so that tests can make every operation fail; the Agent writes its tasks' scripts and files itself",
	},
	{
		pkg: "os", names: []string{"Chmod"},
		only:   []string{"internal/fsys", "internal/proc", "internal/joblog", "internal/cli", "internal/app", "internal/agent", "internal/transport"},
		reason: "the same; but a socket, which holds nothing, gets its mode where it is listened on",
	},
	{
		pkg: "os", names: []string{"Getenv", "LookupEnv", "Environ", "Setenv", "ExpandEnv", "Unsetenv"}, only: []string{"internal/app", "internal/cli"},
		reason: "nothing below the programs' entry reads the environment: settings are handed down",
	},
	{
		pkg: "os", names: []string{"Exit"}, only: []string{"internal/app", "cmd"},
		reason: "whoever ends the process skips everybody's Close: return an error",
	},
	{
		pkg: "math/rand", inTests: false,
		reason: "use crypto/rand, or math/rand/v2 with a seed that is handed in",
	},
	{
		pkg: "log", reason: "log/slog is the one log",
	},
	{
		pkg: "log/slog", names: []string{"Debug", "Info", "Warn", "Error", "Default", "SetDefault", "DebugContext", "InfoContext", "WarnContext", "ErrorContext"}, only: []string{"internal/app"},
		reason: "a logger is handed in, so that a test sees what a part logs",
	},
}

// concerns tells whether the row is about a file of that room.
func (u use) concerns(roomName string, inTest bool) bool {
	k := rooms[roomName].kind
	if inTest && !u.inTests {
		return false
	}
	if len(u.kinds) == 0 {
		if (k == outside || k == 0) && !u.inTests {
			return false
		}
	} else if !slices.Contains(u.kinds, k) {
		return false
	}
	return !slices.Contains(u.only, roomName)
}

// forbids tells whether the row names this identifier of its package.
func (u use) forbids(name string) bool {
	return len(u.names) == 0 || slices.Contains(u.names, name)
}

// initAllowed names the files that may have an init function, with the reason.
var initAllowed = map[string]string{}

// stateAllowed names package-level variables that are more than a constant in
// fact, as "folder.name", with the reason.
var stateAllowed = map[string]string{
	"internal/app.Version": "set by the linker",
	"internal/app.Commit":  "set by the linker",
}
