package house

import (
	"fmt"
	"slices"
	"strings"
)

// module is the path that all our packages begin with.
const module = "github.com/signet-scheduler/signet"

// kind is what a package may depend on.
type kind int

const (
	pure      kind = iota + 1 // language and engine: values in, values out
	mechanism                 // owns one technology
	program                   // wires the others
	assets                    // embedded files
	command                   // cmd/...: hands over to app
	outside                   // test/...: looks at all from outside
)

// room is a row of the house's plan: a package below internal with all its
// sub-packages, or a folder at the root.
type room struct {
	kind kind
	owns string
	// edges are imports allowed beyond the kind's own, with the reason.
	edges map[string]string
}

// rooms is the whole plan. A new package gets its row here; a new edge needs a
// decision in docs/adr first.
var rooms = map[string]room{
	"internal/fault":      {kind: pure, owns: "error kinds and codes"},
	"internal/value":      {kind: pure, owns: "values: decimals, strings, lists, objects"},
	"internal/strictjson": {kind: pure, owns: "the strict reader of signed documents"},
	"internal/expr":       {kind: pure, owns: "the expression language"},
	"internal/codec":      {kind: pure, owns: "the compact binary form of events"},
	"internal/workflow":   {kind: pure, owns: "workflow documents"},
	"internal/item":       {kind: pure, owns: "all other documents"},
	"internal/calendar":   {kind: pure, owns: "days, periods, cycles"},
	"internal/order":      {kind: pure, owns: "one order: states, events, transitions"},
	"internal/release":    {kind: pure, owns: "the list of documents that one signature covers"},
	"internal/engine":     {kind: pure, owns: "the state of Controller and Agent"},
	"internal/policy":     {kind: pure, owns: "who must have signed what: the trust policy"},
	"internal/inventory":  {kind: pure, owns: "what stands in the inventory's documents: references, texts, states"},

	"internal/fsys":    {kind: mechanism, owns: "the way to disk"},
	"internal/clock":   {kind: mechanism, owns: "the way to time"},
	"internal/journal": {kind: mechanism, owns: "the event log on disk"},
	"internal/consensus": {kind: mechanism, owns: "commits, alone or in a group", edges: map[string]string{
		"internal/journal": "the journal is Raft's log",
	}},
	"internal/pki": {kind: mechanism, owns: "certificates, keystores, revocation"},
	"internal/trust": {kind: mechanism, owns: "signatures and trust policy", edges: map[string]string{
		"internal/pki": "X.509 signers are certificates",
	}},
	"internal/gitsource": {kind: mechanism, owns: "files of a Git commit"},
	"internal/keyagent":  {kind: mechanism, owns: "keys in an ssh-agent"},
	"internal/transport": {kind: mechanism, owns: "HTTPS between the parts", edges: map[string]string{
		"internal/pki": "peers are known by certificate",
	}},
	"internal/identity": {kind: mechanism, owns: "login methods", edges: map[string]string{
		"internal/pki": "a certificate is a login method",
	}},
	"internal/proc": {kind: mechanism, owns: "job processes"},
	"internal/part": {kind: mechanism, owns: "what a part tells of itself"},
	"internal/joblog": {kind: mechanism, owns: "job output", edges: map[string]string{
		"internal/fsys": "output goes to disk",
	}},
	"internal/logline": {kind: mechanism, owns: "lines of job output", edges: map[string]string{
		"internal/joblog": "frames have its channels",
	}},
	"internal/hocon": {kind: mechanism, owns: "HOCON files"},
	"internal/conf": {kind: mechanism, owns: "checked settings", edges: map[string]string{
		"internal/hocon": "settings are written in HOCON",
	}},
	"internal/store":      {kind: mechanism, owns: "the Cockpit's database"},
	"internal/mirror":     {kind: mechanism, owns: "the open orders, in memory"},
	"internal/objectfile": {kind: mechanism, owns: "object files as authors write them"},
	"internal/bulletin": {kind: mechanism, owns: "trust material beside the event log", edges: map[string]string{
		"internal/pki":  "lists are verified before they are kept (ADR 0021)",
		"internal/part": "a part tells what its board holds (ADR 0025)",
	}},
	"internal/archive": {kind: mechanism, owns: ".zip and .tar.gz files"},
	"internal/backup":  {kind: mechanism, owns: "what a backup is made of"},
	"internal/seal":    {kind: mechanism, owns: "secrets where others can read"},
	"internal/guard": {kind: mechanism, owns: "the trust set in force", edges: map[string]string{
		"internal/trust":   "it verifies for the engine (ADR 0007)",
		"internal/conf":    "its settings (ADR 0007)",
		"internal/charter": "it has the policy in force (ADR 0019)",
	}},
	"internal/charter": {kind: mechanism, owns: "how a trust policy comes into force", edges: map[string]string{
		"internal/trust": "root keys sign policies (ADR 0019)",
	}},
	"internal/handover": {kind: mechanism, owns: "the Controller's side of handing orders over"},
	"internal/ledger": {kind: mechanism, owns: "an engine machine on the commit pipeline", edges: map[string]string{
		"internal/consensus": "it adapts the machine to it (ADR 0007)",
		"internal/transport": "it serves the events (ADR 0007)",
	}},

	"internal/controller": {kind: program, owns: "the Controller"},
	"internal/agent":      {kind: program, owns: "the Agent"},
	"internal/cockpit":    {kind: program, owns: "the Cockpit"},
	"internal/cli":        {kind: program, owns: "the command line"},
	"internal/app": {kind: program, owns: "starting and stopping the parts", edges: map[string]string{
		"internal/controller": "app starts it",
		"internal/agent":      "app starts it",
		"internal/cockpit":    "app starts it",
		"internal/cli":        "app hands the command line to it",
	}},

	"api":     {kind: assets, owns: "the OpenAPI document"},
	"web":     {kind: assets, owns: "the built pages"},
	"samples": {kind: assets, owns: "workflows that signet dev deploys at its first start"},
	"cmd":     {kind: command, owns: "main functions", edges: map[string]string{"internal/app": "main hands over to it"}},
	"test":    {kind: outside, owns: "tests of the whole"},
	"tools":   {kind: outside, owns: "build tools: a module of their own"},
}

// base are the mechanisms that every other mechanism may import.
var base = []string{"internal/fsys", "internal/clock"}

// roomOf returns the room that a folder of the repository, or a package path
// without the module's own, belongs to.
func roomOf(path string) string {
	parts := strings.Split(path, "/")
	if parts[0] == "internal" && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// pureStd is what language and engine may use of the standard library: what
// computes. time is there for its types; uses.go forbids its clock. time/tzdata
// embeds the zones, so that they don't depend on the machine.
var pureStd = []string{
	"bufio", "bytes", "cmp", "container/heap", "container/list", "crypto/sha256", "crypto/sha512", "crypto/subtle", "embed", "encoding",
	"encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "hash/crc32", "hash/fnv",
	"io", "iter", "maps", "math", "math/big", "math/bits", "path", "regexp", "regexp/syntax", "slices", "sort",
	"strconv", "strings", "text/scanner", "time", "time/tzdata", "unicode", "unicode/utf16", "unicode/utf8",
}

// allowed tells whether a package in folder from may import path, and if not,
// why. inTest is true for imports of _test.go files.
func allowed(from, path string, inTest bool) error {
	fromRoom := roomOf(from)
	f, known := rooms[fromRoom]
	if !known {
		return fmt.Errorf("%s has no row in the table of rooms (test/house/rooms.go)", fromRoom)
	}
	to, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return allowedForeign(f, path, inTest)
	}
	toRoom := roomOf(to)
	if toRoom == fromRoom {
		return nil
	}
	t, known := rooms[toRoom]
	if !known {
		return fmt.Errorf("%s has no row in the table of rooms (test/house/rooms.go)", toRoom)
	}
	_, edge := f.edges[toRoom]
	switch {
	case t.kind == command || t.kind == outside:
		return fmt.Errorf("nothing imports %s", toRoom)
	case edge || f.kind == outside:
		return nil
	case t.kind == program:
		return fmt.Errorf("a program is imported by app and by test/ only")
	case f.kind == command:
		return fmt.Errorf("cmd hands over to internal/app, nothing else")
	case inTest:
		// A test may use another room to make its input or as an oracle.
		return nil
	case f.kind == assets:
		return fmt.Errorf("embedded files depend on nothing")
	case t.kind == assets && f.kind != program:
		return fmt.Errorf("embedded files are for programs")
	case t.kind == pure || f.kind == program:
		return nil
	case f.kind == pure:
		return fmt.Errorf("language and engine import the standard library and each other: no I/O reaches them")
	case slices.Contains(base, toRoom) && !slices.Contains(base, fromRoom):
		return nil
	}
	return fmt.Errorf("no edge %s -> %s in the table of rooms: mechanisms don't know each other, a program joins them", fromRoom, toRoom)
}

// allowedForeign judges imports of the standard library and of others' modules.
// Which package a module belongs to is the matter of modules.go.
func allowedForeign(f room, path string, inTest bool) error {
	if f.kind != pure || inTest {
		return nil
	}
	if isStd(path) {
		if !slices.Contains(pureStd, path) {
			return fmt.Errorf("language and engine are values in, values out: %s isn't in the list of what they may use (pureStd in test/house/rooms.go)", path)
		}
		return nil
	}
	if !slices.ContainsFunc(pureModules, func(m string) bool { return within(path, m) }) {
		return fmt.Errorf("language and engine import no module of others but %v", pureModules)
	}
	return nil
}

// isStd tells whether path is of the standard library: its first element is no
// host name.
func isStd(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// within tells whether package path belongs to a module.
func within(path, module string) bool {
	return path == module || strings.HasPrefix(path, module+"/")
}
