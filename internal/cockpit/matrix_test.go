package cockpit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/objectfile"
	"github.com/signet-scheduler/signet/internal/strictjson"
)

// openAPIDocument is what the tests look at of the description.
type openAPIDocument struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Permission  string `json:"x-permission"`
		Security    []any  `json:"security"`
		RequestBody *struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
				Example  json.RawMessage
				Examples map[string]struct{ Value json.RawMessage }
			}
		}
		Parameters []struct {
			Name, In string
			Ref      string `json:"$ref"`
		}
		Responses map[string]struct {
			Content map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
				Example json.RawMessage
			}
		}
	}
}

func description(t *testing.T) (d openAPIDocument) {
	t.Helper()
	text, err := objectfile.FromYAML([]byte(api.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The table of routes and the description say the same.
func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	described := map[string]string{}
	for path, methods := range description(t).Paths {
		for method, op := range methods {
			described[strings.ToUpper(method)+" "+path] = fmt.Sprintf("%s %s body:%t open:%t", op.OperationID, op.Permission, op.RequestBody != nil, op.Security != nil)
		}
	}
	for _, r := range routes() {
		key := r.method + " " + r.pattern
		hasBody := r.maxBody > 0 && r.operation != "logout"
		want := fmt.Sprintf("%s %s body:%t open:%t", r.operation, r.permission, hasBody, r.permission == anonymous)
		if described[key] != want {
			t.Errorf("%s: described as %q, the table has %q", key, described[key], want)
		}
		delete(described, key)
		if changes := r.method != "GET" && !strings.HasSuffix(string(r.permission), ":view") && r.permission != anonymous; changes != r.changes {
			t.Errorf("%s: changes is %t", key, r.changes)
		}
	}
	for key := range described {
		t.Errorf("%s is described, but there is no such route", key)
	}
}

// Every example in the description is one that the types take, and every call
// with a body has one.
func TestExamplesFitTheTypes(t *testing.T) {
	t.Parallel()
	types := exampleTypes()
	seen := 0
	check := func(where, ref string, example json.RawMessage) {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		try, ok := types[name]
		if !ok {
			t.Errorf("%s: the test doesn't know the type %s", where, name)
			return
		}
		seen++
		n, err := strictjson.Parse(example, strictjson.Limits{})
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		for _, p := range try(n) {
			t.Errorf("%s: %s", where, p)
		}
	}
	for path, methods := range description(t).Paths {
		for method, op := range methods {
			where := method + " " + path
			if op.RequestBody != nil {
				_, isFile := op.RequestBody.Content["application/zip"]
				content := op.RequestBody.Content["application/json"]
				examples := []json.RawMessage{content.Example}
				for _, e := range content.Examples {
					examples = append(examples, e.Value)
				}
				for _, e := range examples {
					if e != nil {
						check(where, content.Schema.Ref, e)
					}
				}
				if len(examples) == 1 && examples[0] == nil && !isFile {
					t.Errorf("%s has no example", where)
				}
			}
			for status, r := range op.Responses {
				for _, c := range r.Content {
					if c.Schema.Ref != "" && c.Example != nil && c.Schema.Ref != "#/components/schemas/Order" {
						check(where+" "+status, c.Schema.Ref, c.Example)
					}
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d examples", seen)
	}
}

// The policy of calls, independent of the table: who gets in.
func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Unix(1_790_000_000, 0))
	b := newBench(t, options{clock: fake, noStart: true})
	for _, role := range identity.Roles()[1:] {
		b.call("POST", "/accounts", api.AddAccountRequest{Name: string(role), Role: string(role), Password: adminPassword}, nil)
	}
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "disabled", Role: "administrator", Password: adminPassword}, nil)
	expired := b.login("admin", adminPassword)
	fake.Advance(31 * time.Minute)
	tokens := map[string]string{
		"nobody": "", "made up": "sgn_" + strings.Repeat("A", 43), "garbage": "x", "expired": expired,
		"disabled": b.login("disabled", adminPassword), "administrator": b.login("admin", adminPassword),
	}
	known := []string{"administrator"}
	for _, role := range identity.Roles()[1:] {
		known = append(known, string(role))
		tokens[string(role)] = b.login(string(role), adminPassword)
	}
	b.token = tokens["administrator"]
	yes := true
	b.call("POST", "/accounts/disabled", api.ChangeAccountRequest{Disabled: &yes}, nil)

	open := regexp.MustCompile(`^(GET /health|GET /openapi.json|GET /login/methods|POST /login|(GET|POST) /enrolment)$`)
	all := regexp.MustCompile(`^(POST /logout|GET /live|GET /me|POST /me/password|GET /me/signing-key|(GET|POST) /me/passkeys|GET /me/passkeys/new|(POST|DELETE) /me/passkeys/\{id\}|GET /version)$`)
	managing := regexp.MustCompile(`^GET /(agents/\{name\}|controllers/\{name\}|cockpits)/log$|^POST /(orders|orders/(cancel|suspend|resume|delete|go|priority|transfer)|workflows/(control|breakpoints))$`)
	deploying := regexp.MustCompile(`^POST (/me/signing-key|/deployments|/deployments/(revoke|import)|/deployments/\{id\}/redeploy|/inventory/deploy|/releases|/releases/\{id\}/(signatures|deploy))$|^DELETE /(me/signing-key|releases/\{id\})$`)
	making := regexp.MustCompile(`^((PUT|DELETE) /inventory/object|POST /inventory/(drafts|import|discard|rename|copy|restore|purge))$`)
	auditing := regexp.MustCompile(`^GET /audit(/export)?$`)
	admins := regexp.MustCompile(`^(\S+ /accounts.*|POST /agents.*|POST /backup|POST /certificates/(revocations|revoke|tokens)|POST /authority/(adopt|bundle|issue|renew|request|revoke)|POST /trust-policy)$`)
	calls := 0
	for _, r := range routes() {
		key := r.method + " " + r.pattern
		for who, token := range tokens {
			var allowed bool
			switch {
			case open.MatchString(key):
				allowed = true
			case all.MatchString(key):
				allowed = slices.Contains(known, who)
			case admins.MatchString(key):
				allowed = who == "administrator"
			case managing.MatchString(key):
				allowed = slices.Contains([]string{"administrator", "developer", "operator"}, who)
			case deploying.MatchString(key):
				allowed = slices.Contains([]string{"administrator", "developer", "deployer"}, who)
			case making.MatchString(key):
				allowed = slices.Contains([]string{"administrator", "developer"}, who)
			case auditing.MatchString(key):
				allowed = slices.Contains([]string{"administrator", "release-manager"}, who)
			default:
				allowed = slices.Contains(known, who)
			}
			if key == "POST /logout" && allowed {
				continue // tried last, below
			}
			path := strings.NewReplacer("{id}", "x", "{name}", "x", "{serial}", "x").Replace(r.pattern)
			var body any
			if r.maxBody > 0 {
				body = `{"nonsense":1}` // what gets in is refused for this
			}
			if r.method == "GET" && r.permission != anonymous && (r.permission != authenticated || r.long) {
				path += "?nonsense=1"
			}
			w := b.do(request{method: r.method, path: path, body: body, token: token})
			calls++
			known := slices.Contains(known, who)
			switch {
			case allowed && (w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden):
				t.Errorf("%s by %s: %d %s", key, who, w.Code, w.Body)
			case !allowed && known && w.Code != http.StatusForbidden:
				t.Errorf("%s by %s: %d, want 403", key, who, w.Code)
			case !allowed && !known && w.Code != http.StatusUnauthorized:
				t.Errorf("%s by %s: %d, want 401", key, who, w.Code)
			}
			if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s by %s: no WWW-Authenticate", key, who)
			}
		}
	}
	if want := len(routes())*len(tokens) - len(known); calls != want {
		t.Errorf("%d calls, want %d", calls, want)
	}
	for _, who := range known {
		if w := b.do(request{method: "POST", path: "/logout", token: tokens[who]}); w.Code != http.StatusNoContent {
			t.Errorf("logout of %s: %d", who, w.Code)
		}
		b.isRefused(401, "SessionUnknown", b.do(request{method: "GET", path: "/me", token: tokens[who]}))
	}
}

// A refused change leaves a trace.
func TestRefusalsAreRecorded(t *testing.T) {
	t.Parallel()
	b := newBench(t, options{noStart: true})
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "eve", Role: "viewer", Password: adminPassword}, nil)
	eve := b.login("eve", adminPassword)
	b.isRefused(403, "NotPermitted", b.do(request{method: "POST", path: "/orders", body: `{}`, token: eve}))
	b.isRefused(401, "LoginFailed", b.do(request{method: "POST", path: "/login", body: `{"account":"eve","password":"wrong"}`}))
	b.isRefused(401, "LoginFailed", b.do(request{method: "POST", path: "/login", body: `{"account":"my secret password","password":"x"}`}))
	var audit api.Audit
	b.call("GET", "/audit", nil, &audit)
	var got []string
	for _, e := range audit.Entries[:4] {
		got = append(got, e.Account+" "+e.Action+" "+e.Result)
	}
	want := []string{" login LoginFailed", "eve login LoginFailed", "eve addOrders NotPermitted", "eve login done"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
