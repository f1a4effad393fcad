package cockpit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/clock"
	"github.com/signet-scheduler/signet/internal/pki"
)

func TestLoginByCertificate(t *testing.T) { onBoth(t, options{noStart: true}, testLoginByCertificate) }

func testLoginByCertificate(t *testing.T, b *bench) {
	user := func(name string) pki.Identity { return pki.Identity{Role: pki.RoleUser, Name: name} }
	login := request{method: "POST", path: "/login", body: `{"method":"certificate"}`, peer: user("admin")}
	w := b.do(login)
	var s api.Session
	b.check(json.Unmarshal(w.Body.Bytes(), &s))
	if w.Code != http.StatusOK || s.Method != "certificate" || s.Account != "admin" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := b.do(request{method: "GET", path: "/me", token: s.Token, peer: user("admin")}); w.Code != http.StatusOK {
		t.Errorf("with the certificate: %d", w.Code)
	}
	b.isRefused(401, "CertificateMissing", b.do(request{method: "GET", path: "/me", token: s.Token}))
	b.isRefused(401, "CertificateMissing", b.do(request{method: "GET", path: "/me", token: s.Token, peer: user("eve")}))
	for name, peer := range map[string]pki.Identity{"nobody": {}, "eve": user("eve"), "node": {Role: pki.RoleAgent, Name: "admin"}, "Admin": user("Admin")} {
		login.peer = peer
		if w := b.do(login); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	b.isRefused(422, "UnknownMethod", b.do(request{method: "POST", path: "/login", body: `{"method":"magic"}`}))
	b.isRefused(422, "InvalidRequest", b.do(request{method: "POST", path: "/login", body: `{"method":"certificate","account":"admin"}`, peer: user("eve")}))
	// A certificate alone is no session: browsers send it by themselves.
	b.isRefused(401, "NotLoggedIn", b.do(request{method: "GET", path: "/me", peer: user("admin")}))
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Unix(1_790_000_000, 0))
	b := newBench(t, options{clock: fake, noStart: true})
	ok := func(token string) bool {
		return b.do(request{method: "GET", path: "/me", token: token}).Code == http.StatusOK
	}
	for range 23 {
		fake.Advance(29 * time.Minute)
		if !ok(b.token) {
			t.Fatal("a session in use has ended")
		}
	}
	fake.Advance(2 * time.Minute)
	if fake.Advance(53 * time.Minute); ok(b.token) {
		t.Error("a session outlives its greatest age")
	}
	b.token = b.login("admin", adminPassword)
	b.call("POST", "/accounts", api.AddAccountRequest{Name: "anna", Role: "operator", Password: adminPassword}, nil)
	one, two := b.login("anna", adminPassword), b.login("anna", adminPassword)
	b.call("POST", "/accounts/anna", `{"role":"viewer"}`, nil)
	if ok(one) || ok(two) {
		t.Error("sessions outlive a change of the role")
	}
	one, two = b.login("anna", adminPassword), b.login("anna", adminPassword)
	if w := b.do(request{method: "POST", path: "/me/password", body: `{"old":"wrong","new":"another good password"}`, token: one}); w.Code != http.StatusUnauthorized {
		t.Errorf("the old password isn't asked for: %d", w.Code)
	}
	if w := b.do(request{method: "POST", path: "/me/password", body: `{"old":"` + adminPassword + `","new":"short"}`, token: one}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a short password: %d", w.Code)
	}
	if w := b.do(request{method: "POST", path: "/me/password", body: `{"old":"` + adminPassword + `","new":"another good password"}`, token: one}); w.Code != http.StatusNoContent {
		t.Errorf("changing the password: %d %s", w.Code, w.Body)
	}
	if !ok(one) || ok(two) {
		t.Error("after a change of the password, only the session that made it goes on")
	}
	b.call("DELETE", "/accounts/anna", nil, nil)
	if ok(one) {
		t.Error("a session outlives its account")
	}
	b.refused(404, "UnknownAccount", "DELETE", "/accounts/anna", nil)
	b.refused(409, "LastAdministrator", "DELETE", "/accounts/admin", nil)
	b.refused(409, "LastAdministrator", "POST", "/accounts/admin", `{"disabled":true}`)
	b.refused(409, "LastAdministrator", "POST", "/accounts/admin", `{"role":"viewer"}`)
	if !ok(b.token) {
		t.Error("what was refused has ended the session")
	}
	b.refused(409, "DuplicateAccount", "POST", "/accounts", `{"name":"ADMIN","role":"viewer"}`)
	b.refused(422, "UnknownRole", "POST", "/accounts", `{"name":"x","role":"king"}`)
	b.refused(422, "InvalidName", "POST", "/accounts", `{"name":"a b","role":"viewer"}`)
	b.refused(422, "WeakPassword", "POST", "/accounts", `{"name":"x","role":"viewer","password":"short"}`)
}

// A stream ends with the session that asked for it.
func TestStreamsEndWithTheSession(t *testing.T) { onBoth(t, options{}, testStreamsEndWithTheSession) }

func testStreamsEndWithTheSession(t *testing.T, b *bench) {
	token := b.login("admin", adminPassword)
	w := newPipeWriter()
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		r, _ := http.NewRequest(http.MethodGet, basePath+"/events?follow=true", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		b.handler.ServeHTTP(w, r)
	}()
	if w.line() == "" {
		t.Fatal("no event")
	}
	go func() {
		for w.line() != "" {
		}
	}()
	if w := b.do(request{method: "POST", path: "/logout", token: token}); w.Code != http.StatusNoContent {
		t.Fatal(w.Code)
	}
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on")
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	fake := clock.NewFake(time.Unix(1_790_000_000, 0))
	b := newBench(t, options{clock: fake, noStart: true})
	guess := func(name string) int {
		return b.do(request{method: "POST", path: "/login", body: fmt.Sprintf(`{"account":%q,"password":"guess"}`, name)}).Code
	}
	for _, name := range []string{"admin", "nobody"} { // the same for both
		codes := map[int]int{}
		for range 20 {
			codes[guess(name)]++
		}
		if codes[401] != 5 || codes[429] != 15 {
			t.Errorf("%s: %v", name, codes)
		}
		if guess("ADMIN") != 429 {
			t.Error("capitals get round it")
		}
	}
	w := b.do(request{method: "POST", path: "/login", body: `{"account":"admin","password":"` + adminPassword + `"}`})
	b.isRefused(429, "TooManyAttempts", w)
	if w.Header().Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
	}
	fake.Advance(time.Second)
	b.login("admin", adminPassword)
}
