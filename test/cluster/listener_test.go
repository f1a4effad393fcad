package cluster_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/internal/fsys"
	"github.com/signet-scheduler/signet/internal/pki"
	"github.com/signet-scheduler/signet/test/cluster"
)

// ask opens a TLS connection with some certificate and asks for the status. It
// returns the HTTP status, or 0 and the error when it never came to that.
func ask(url string, config *tls.Config) (int, error) {
	config.InsecureSkipVerify = true
	tr := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 20 * time.Second}
	resp, err := c.Get(url)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	return resp.StatusCode, nil
}

func pair(t *testing.T, issued *pki.Issued, err error) *tls.Config {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{*issued.Keypair().TLS()}}
}

func pairOf(t *testing.T, config string) *tls.Config {
	t.Helper()
	private := filepath.Join(config, "private")
	p, err := tls.LoadX509KeyPair(filepath.Join(private, "https-cert.pem"), filepath.Join(private, "https-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{p}}
}

// Whoever may not speak to a part doesn't get past the handshake: no request
// is ever read.
func TestListeners(t *testing.T) {
	t.Parallel()
	c := cluster.New(t, 1, 2)
	now := time.Now()
	other, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Other", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	node := func(ca *pki.CA, role pki.Role, name string) *tls.Config {
		issued, err := ca.IssueNode(pki.NodeParams{Role: role, Name: name, Now: now})
		return pair(t, issued, err)
	}
	signer, serr := c.CA().IssueSigner(pki.SignerParams{Name: "controller-1", Now: now})
	user, uerr := c.CA().IssueUser(pki.UserParams{Name: "cockpit", Now: now})
	old, oerr := c.CA().IssueNode(pki.NodeParams{Role: pki.RoleCockpit, Name: "cockpit", Validity: time.Hour, Now: now.Add(-2 * time.Hour)})
	oldC, ocerr := c.CA().IssueNode(pki.NodeParams{Role: pki.RoleController, Name: "controller-1", Validity: time.Hour, Now: now.Add(-2 * time.Hour)})
	controllerURL, agentURL := c.Controllers[0].URL+"/controller/api/status", c.Agents[0].URL+"/agent/api/status"

	// The good ones, so that the table below can't pass by mistake.
	if status, err := ask(controllerURL, node(c.CA(), pki.RoleCockpit, "cockpit")); status != http.StatusOK {
		t.Fatalf("the Cockpit isn't let in: %d, %v", status, err)
	}
	if status, err := ask(agentURL, pairOf(t, c.Controllers[0].Config)); status != http.StatusOK {
		t.Fatalf("the Controller isn't let in: %d, %v", status, err)
	}
	tls12 := func(config *tls.Config) *tls.Config {
		config.MaxVersion = tls.VersionTLS12
		return config
	}
	for _, k := range []struct {
		name, url string
		config    *tls.Config
	}{
		{"Controller: no certificate", controllerURL, &tls.Config{}},
		{"Controller: other CA", controllerURL, node(other, pki.RoleCockpit, "cockpit")},
		{"Controller: Agent", controllerURL, pairOf(t, c.Agents[0].Config)},
		{"Controller: unknown Cockpit", controllerURL, node(c.CA(), pki.RoleCockpit, "another")},
		{"Controller: unknown member", controllerURL, node(c.CA(), pki.RoleController, "controller-9")},
		{"Controller: signer", controllerURL, pair(t, signer, serr)},
		{"Controller: user", controllerURL, pair(t, user, uerr)},
		{"Controller: expired", controllerURL, pair(t, old, oerr)},
		{"Controller: TLS 1.2", controllerURL, tls12(node(c.CA(), pki.RoleCockpit, "cockpit"))},
		{"Agent: no certificate", agentURL, &tls.Config{}},
		{"Agent: other CA", agentURL, node(other, pki.RoleController, "controller-1")},
		{"Agent: Cockpit", agentURL, node(c.CA(), pki.RoleCockpit, "cockpit")},
		{"Agent: another Agent", agentURL, pairOf(t, c.Agents[1].Config)},
		{"Agent: itself", agentURL, pairOf(t, c.Agents[0].Config)},
		{"Agent: Controller that isn't in its list", agentURL, node(c.CA(), pki.RoleController, "controller-2")},
		{"Agent: signer", agentURL, pair(t, signer, serr)},
		{"Agent: user", agentURL, pair(t, user, uerr)},
		{"Agent: expired", agentURL, pair(t, oldC, ocerr)},
		{"Agent: TLS 1.2", agentURL, tls12(pairOf(t, c.Controllers[0].Config))},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			if status, err := ask(k.url, k.config.Clone()); err == nil {
				t.Errorf("it was answered: status %d", status)
			}
		})
	}
	for name, p := range map[string]string{"Controller": c.Controllers[0].Listen, "Agent": c.Agents[0].Listen} {
		t.Run(name+": plain HTTP", func(t *testing.T) {
			t.Parallel()
			resp, err := http.Get("http://" + p + "/controller/api/status")
			if err == nil {
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusBadRequest {
					t.Errorf("status %d", resp.StatusCode)
				}
			}
		})
		t.Run(name+": garbage", func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", p)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "\x16\x03\x01\xff\xff\x01nonsense\x00\n\n")
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			for b := make([]byte, 100); err == nil; {
				_, err = conn.Read(b)
			}
			if os.IsTimeout(err) {
				t.Error("the connection stays open")
			}
		})
	}
}

// A certificate that is revoked is refused as soon as the new list is there,
// and connections that are open are closed.
func TestRevokedWhileConnected(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	crl := filepath.Join(dir, "crl.pem")
	if err := os.WriteFile(crl, emptyCRL(t), 0o600); err != nil {
		t.Fatal(err)
	}
	c := cluster.New(t, 1, 1, cluster.Line(fmt.Sprintf("signet.tls.crl-files = [%q]", crl)))
	for _, part := range []struct {
		name, url string
		role      pki.Role
		as        string
	}{
		{"Controller", c.Controllers[0].URL + "/controller/api/status", pki.RoleCockpit, "cockpit"},
		{"Agent", c.Agents[0].URL + "/agent/api/status", pki.RoleController, "controller-1"},
	} {
		config, serial := c.NewNode(part.role, part.as)
		client := c.ClientOf(config)
		if err := client.GetJSON(t.Context(), part.url, nil); err != nil {
			t.Fatalf("%s: %v", part.name, err)
		}
		if err := c.CA().Revoke(serial, pki.ReasonKeyCompromise, time.Now()); err != nil {
			t.Fatal(err)
		}
		list, err := c.CA().CRL(pki.PurposeNode, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crl+".new", list, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(crl+".new", crl); err != nil {
			t.Fatal(err)
		}
		within(t, c, part.name+": the revoked certificate is refused", func() bool { return client.GetJSON(t.Context(), part.url, nil) != nil })
		if status, err := ask(part.url, pairOf(t, config)); err == nil {
			t.Errorf("%s: a new connection was answered: %d", part.name, status)
		}
	}
	if err := c.Get("/status", &struct{}{}); err != nil {
		t.Errorf("others are refused, too: %v", err)
	}
}

// emptyCRL is a list that revokes nothing of this installation: the file has to
// exist when the parts start.
func emptyCRL(t *testing.T) []byte {
	t.Helper()
	ca, err := pki.InitCA(fsys.Real{}, filepath.Join(t.TempDir(), "ca"), pki.CAParams{Organization: "Other", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	list, err := ca.CRL(pki.PurposeNode, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return list
}
