package house

// pureModules are what language and engine may import beside the standard
// library.
var pureModules = []string{"github.com/cockroachdb/apd/v3"}

// freeModules may be imported by any package but the pure ones: they are as
// good as the standard library.
var freeModules = map[string]string{
	"golang.org/x":                  "kept by the Go project",
	"github.com/klauspost/compress": "a codec without state or settings",
}

// testModules may be imported by tests only.
var testModules = map[string]string{
	"pgregory.net/rapid":                "property tests",
	"github.com/google/go-cmp":          "comparison in tests",
	"github.com/rogpeppe/go-internal":   "scripts against the built binary",
	"github.com/anishathalye/porcupine": "linearizability",
	"github.com/teambition/rrule-go":    "oracle for calendars",
}
