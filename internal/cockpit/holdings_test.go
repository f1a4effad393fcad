package cockpit

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/bulletin"
	"github.com/signet-scheduler/signet/internal/part"
	"github.com/signet-scheduler/signet/internal/pki"
)

func TestStanding(t *testing.T) {
	t.Parallel()
	e := bulletin.Entry{Held: bulletin.Held{Kind: bulletin.CRL, ID: "x", Version: "10"}}
	holds := func(of ...string) *part.Trust {
		t := &part.Trust{Holds: []part.Holding{{Kind: "CRL", ID: "y", Version: "99"}, {Kind: "Other", ID: "x", Version: "99"}}}
		for i := 0; i < len(of); i += 2 {
			t.Holds = append(t.Holds, part.Holding{Kind: "CRL", ID: "x", Version: of[i], Refused: of[i+1]})
		}
		return t
	}
	for name, c := range map[string]struct {
		told   *part.Trust
		want   standing
		behind bool
	}{
		"never heard":                  {nil, standing{state: isUnknown}, false},
		"the newest":                   {holds("10", ""), standing{state: isCurrent, version: "10"}, false},
		"a newer one":                  {holds("11", ""), standing{state: isCurrent, version: "11"}, false},
		"an older one":                 {holds("9", ""), standing{state: isOlder, version: "9"}, true},
		"none":                         {holds(), standing{state: isMissing}, true},
		"it isn't for it":              {holds("10", "UntrustedIssuer"), standing{state: isForeign, code: "UntrustedIssuer"}, false},
		"it refuses this one":          {holds("9", "", "10", "UntrustedCRL"), standing{state: isRefused, version: "9", code: "UntrustedCRL"}, true},
		"it refused another before it": {holds("10", "", "9", "UntrustedCRL"), standing{state: isCurrent, version: "10"}, false},
	} {
		got := standingOf(c.told, &e)
		if got != c.want || got.behind() != c.behind {
			t.Errorf("%s: %+v, behind: %t", name, got, got.behind())
		}
	}
}

// Of policies counts which is in force, wherever it came from.
func TestPolicyStanding(t *testing.T) {
	t.Parallel()
	e := bulletin.Entry{Held: bulletin.Held{Kind: bulletin.TrustPolicy, ID: "trust-policy", Version: "10"}}
	refused := part.Holding{Kind: "TrustPolicy", ID: "trust-policy", Version: "10", Refused: "UnknownSigner"}
	held := part.Holding{Kind: "TrustPolicy", ID: "trust-policy", Version: "10"}
	rootless := refused
	rootless.Refused = "NoPolicyRoots"
	for name, c := range map[string]struct {
		told *part.Trust
		want standing
	}{
		"in force":                         {&part.Trust{Policy: &part.Policy{Required: true, Version: 10}, Holds: []part.Holding{held}}, standing{state: isCurrent, version: "10"}},
		"a newer file":                     {&part.Trust{Policy: &part.Policy{Required: true, Version: 11}}, standing{state: isCurrent, version: "11"}},
		"an older one":                     {&part.Trust{Policy: &part.Policy{Required: true, Version: 9}}, standing{state: isOlder, version: "9"}},
		"none is in force":                 {&part.Trust{Policy: &part.Policy{Required: true}}, standing{state: isMissing}},
		"it is held, and not in force yet": {&part.Trust{Policy: &part.Policy{Required: true, Version: 9}, Holds: []part.Holding{held}}, standing{state: isOlder, version: "9"}},
		"refused":                          {&part.Trust{Policy: &part.Policy{Required: true, Version: 9}, Holds: []part.Holding{refused}}, standing{isRefused, "9", "UnknownSigner"}},
		"no root keys":                     {&part.Trust{Policy: &part.Policy{}, Holds: []part.Holding{rootless}}, standing{state: isForeign, code: "NoPolicyRoots"}},
		"no root keys, and never asked":    {&part.Trust{Policy: &part.Policy{}}, standing{state: isForeign}},
		"a Cockpit":                        {&part.Trust{Holds: []part.Holding{held}}, standing{state: isCurrent, version: "10"}},
		"an older program":                 {nil, standing{state: isUnknown}},
	} {
		if got := standingOf(c.told, &e); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestHolders(t *testing.T) {
	t.Parallel()
	e := bulletin.Entry{Held: bulletin.Held{Kind: bulletin.CRL, ID: "x", Version: "2"}}
	var all []teller
	for i := range mostHolders + 5 {
		all = append(all, teller{role: pki.RoleAgent, name: fmt.Sprint(i), trust: &part.Trust{}, published: []bulletin.Entry{e}})
	}
	all = append(all, teller{role: pki.RoleAgent, name: "silent", published: []bulletin.Entry{e}}, teller{role: pki.RoleAgent, name: "not for it", trust: &part.Trust{}})
	got := holders(all, &e)
	if got.Behind != mostHolders+5 || len(got.Parts) != mostHolders || got.Unknown != 1 || got.Current != 0 || got.Foreign != 0 {
		t.Errorf("%d are behind, %d named, %+v", got.Behind, len(got.Parts), api.Holders{Current: got.Current, Foreign: got.Foreign, Unknown: got.Unknown})
	}
}

// Who holds which list, as parts have told: in the list of lists, of each part, and
// in the lists of parts.
func TestWhoIsBehind(t *testing.T) { onBoth(t, options{authority: true}, testWhoIsBehind) }

func testWhoIsBehind(t *testing.T, b *bench) {
	b.call("POST", "/agents", api.AddAgentRequest{Name: "a-1", Uri: "https://localhost:4445"}, nil)
	b.c.histories[0].known.look(t.Context())
	var lists api.RevocationLists
	b.eventually("there are lists", func() bool {
		b.call("GET", "/certificates/revocations", nil, &lists)
		return len(lists.Lists) == len(pki.Purposes())
	})
	for _, l := range lists.Lists {
		if l.Holders.Behind != 0 || l.Holders.Current != 1 || l.Holders.Unknown != 1 {
			t.Errorf("nothing was told, and: %+v", l.Holders)
		}
	}
	// The fake's Controller and Agent hold one, an older one of another, and refuse the
	// others as not theirs.
	told := report(b.c.clock.Now())
	told.Trust = &part.Trust{Policy: &part.Policy{Required: true, Version: 7}}
	all := b.c.forMembers()
	for i, e := range all {
		h := part.Holding{Kind: string(e.Kind), ID: e.ID, Version: e.Version}
		switch i {
		case 0:
		case 1:
			h.Version = "0"
		default:
			h.Refused = "UntrustedIssuer"
		}
		told.Trust.Holds = append(told.Trust.Holds, h)
	}
	b.fake.setReport(told)
	b.c.histories[0].known.look(t.Context())
	var agent api.Agent
	b.call("GET", "/agents/a-1", nil, &agent)
	if agent.Behind != 1 || agent.PolicyVersion != 7 {
		t.Errorf("%+v", agent)
	}
	var status api.ControllersStatus
	b.call("GET", "/controllers/status", nil, &status)
	if m := status.Controllers[0].Members[0]; m.Behind != 1 || m.PolicyVersion != 7 {
		t.Errorf("%+v", m)
	}
	b.call("GET", "/certificates/revocations", nil, &lists)
	states := map[string]string{}
	for _, l := range lists.Lists {
		states[l.Id] = fmt.Sprint(l.Holders.Current, l.Holders.Behind, l.Holders.Foreign, l.Holders.Unknown)
		if l.Holders.Behind > 0 {
			if d := cmp.Diff(api.Holder{Part: "controller", Name: "controller-1", State: "older", Version: "0", Heard: l.Holders.Parts[0].Heard}, l.Holders.Parts[0]); d != "" {
				t.Error(d)
			}
		}
	}
	// The Cockpit itself holds all of them. What no member of a Controller has use for
	// isn't expected of its Agents.
	want := map[string]string{}
	for _, l := range lists.Lists {
		want[l.Id] = "1 0 0 0" // of users: for Cockpits alone
	}
	for i, e := range all {
		want[e.ID] = []string{"3 0 0 0", "1 2 0 0", "1 0 1 0"}[min(i, 2)]
	}
	if d := cmp.Diff(want, states); d != "" {
		t.Error(d)
	}
	for part, n := range map[string]int{"agent/a-1": 2, "controller/controller-1": len(all), "cockpit/cockpit": len(lists.Lists)} {
		var trust api.PartTrust
		b.call("GET", "/parts/"+part+"/trust", nil, &trust)
		got := map[string]int{}
		for _, l := range trust.Lists {
			got[l.State]++
		}
		if len(trust.Lists) != n || !trust.Told || trust.Heard == 0 || part != "cockpit/cockpit" && (got["older"] != 1 || got["current"] != 1) {
			t.Errorf("%s: %+v", part, trust)
		}
	}
	b.refused(404, "UnknownPart", "GET", "/parts/agent/a-2/trust", nil)
	b.refused(404, "UnknownPart", "GET", "/parts/user/admin/trust", nil)
	b.refused(404, "UnknownController", "GET", "/parts/agent/a-1/trust?controller=x", nil)
	var cockpits api.Cockpits
	b.call("GET", "/cockpits", nil, &cockpits)
	if cockpits.Cockpits[0].Behind != 0 {
		t.Errorf("%+v", cockpits)
	}
}

// A message between Cockpits has a bound, which many lists must not break.
func TestAnnouncementIsShort(t *testing.T) {
	t.Parallel()
	p := presence{Report: part.Report{Trust: &part.Trust{}}}
	for i := range mostAnnounced {
		p.Report.Trust.Holds = append(p.Report.Trust.Holds, part.Holding{Kind: "CRL", ID: fmt.Sprintf("%032d", i), Version: fmt.Sprint(time.Now().UnixNano())})
	}
	if n := len(p.announcement()); n > 5000 {
		t.Errorf("%d bytes", n)
	}
	p.Report.Trust.Holds = append(p.Report.Trust.Holds, part.Holding{Kind: "CRL"})
	if n := len(p.announcement()); n > 500 {
		t.Errorf("with one more: %d bytes", n)
	}
}
