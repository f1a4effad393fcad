package cockpit

import (
	"net/http"
	"time"

	"github.com/signet-scheduler/signet/api"
	"github.com/signet-scheduler/signet/internal/fault"
	"github.com/signet-scheduler/signet/internal/identity"
	"github.com/signet-scheduler/signet/internal/store"
	"github.com/signet-scheduler/signet/internal/transport"
)

func (k *call) getHealth() error { return k.answer(api.Health{Status: "ok"}) }

func (k *call) getOpenAPI() error {
	k.w.Header().Set("Content-Type", "application/json")
	_, _ = k.w.Write(k.openAPI)
	return nil
}

func (k *call) getVersion() error {
	return k.answer(api.Version{Version: k.deps.Version, Commit: k.deps.Commit, Go: k.deps.Go, Api: "v1"})
}

// getMethods tells, before anybody has logged in, which installation this is and how
// one may.
func (k *call) getMethods() error {
	methods := []string{string(identity.ByPassword)}
	if len(k.settings.UserCA) > 0 {
		methods = append(methods, string(identity.ByCertificate))
	}
	out := api.LoginMethods{
		Environment: api.Environment{Name: k.settings.EnvironmentName, Color: k.settings.EnvironmentColor}, SecurityLevel: k.settings.SecurityLevel, Methods: methods,
	}
	// A browser asks before it shows its first page: having no session is no error.
	if err := k.authenticate(); err == nil {
		me := k.me()
		out.Session = &me
	}
	return k.answer(out)
}

func (k *call) login() error {
	in, err := decode[api.LoginRequest](k)
	if err != nil {
		return err
	}
	account, method, err := k.identify(in)
	if err != nil {
		return k.loginFailed(in, method, err)
	}
	token, session, err := k.sessions.Begin(k.r.Context(), account, method)
	if err != nil {
		return err
	}
	k.session = session
	if err := k.beginAudit("", []string{"Account:" + account.Name}, ""); err != nil {
		return err
	}
	if in.Cookie {
		k.setCookie(token, session.Expires)
		token = "" // no script needs to see it
	}
	return k.answer(api.Session{
		Token: token, Account: account.Name, Role: string(account.Role), Method: string(method),
		IdleMilliseconds: k.settings.SessionIdle.Milliseconds(), ExpiresAt: session.Expires.UnixMilli(),
	})
}

// identify finds out who logs in.
func (k *call) identify(in api.LoginRequest) (identity.Account, identity.Method, error) {
	ctx := k.r.Context()
	switch identity.Method(in.Method) {
	case identity.ByPassword, "":
		a, err := k.logins.Password(ctx, in.Account, in.Password, k.address)
		return a, identity.ByPassword, err
	case identity.ByCertificate:
		peer := transport.PeerOf(k.r)
		if in.Account != "" && in.Account != peer.Name || in.Password != "" {
			return identity.Account{}, identity.ByCertificate, fault.New(fault.Invalid, "InvalidRequest", "with a certificate, the account is the certificate's name, and there is no password")
		}
		a, err := k.logins.Certificate(ctx, peer)
		return a, identity.ByCertificate, err
	}
	return identity.Account{}, "", fault.New(fault.Invalid, "UnknownMethod", "there is no login method %q; there are password and certificate", clip(in.Method))
}

// loginFailed records a login that was refused. What somebody typed as a name may
// be a password: only what can be a name is recorded.
func (k *call) loginFailed(in api.LoginRequest, method identity.Method, err error) error {
	if !fault.Is(err, fault.Unauthenticated) {
		return err
	}
	name := in.Account
	if method == identity.ByCertificate {
		name = transport.PeerOf(k.r).Name
	}
	if identity.CheckName(name) == nil {
		k.session = identity.Session{Account: identity.Account{Name: name}, Method: method}
	}
	if auditErr := k.beginAudit("", nil, ""); auditErr != nil {
		return auditErr
	}
	return err
}

func (k *call) logout() error {
	if err := k.beginAudit("", nil, ""); err != nil {
		return err
	}
	err := k.db.Write(k.r.Context(), func(w store.Writer) error { return w.DeleteSession(k.session.Hash) })
	if err != nil {
		return err
	}
	k.live.end(k.session.Hash)
	if k.r.Header.Get("Authorization") == "" {
		k.setCookie("", time.Time{})
	}
	return k.done()
}

func (k *call) getMe() error { return k.answer(k.me()) }

// me tells who the session's account is, and what it may do.
func (k *call) me() api.Me {
	a := k.session.Account
	out := api.Me{
		Account: a.Name, Role: string(a.Role), Method: string(k.session.Method),
		IdleMilliseconds: k.settings.SessionIdle.Milliseconds(), ExpiresAt: k.session.Expires.UnixMilli(),
	}
	for _, p := range permissions(a.Role) {
		out.Permissions = append(out.Permissions, string(p))
	}
	return out
}

func (k *call) changePassword() error {
	in, err := decode[api.ChangePasswordRequest](k)
	if err != nil {
		return err
	}
	name := k.session.Account.Name
	// The old one, with the same brakes as a login: a session that was left open
	// must not be enough.
	if _, err := k.logins.Password(k.r.Context(), name, in.Old, k.address); err != nil {
		return err
	}
	hash, err := k.hasher.Hash(k.r.Context(), in.New)
	if err != nil {
		return err
	}
	if err := k.beginAudit("", []string{"Account:" + name}, ""); err != nil {
		return err
	}
	return k.changeRow(name, k.session.Hash, func(a *store.Account) error {
		a.PasswordHash = hash
		return nil
	})
}

// changeRow changes an account and ends its sessions, but for one.
func (k *call) changeRow(name string, except [32]byte, change func(*store.Account) error) error {
	var ended [][32]byte
	err := k.db.Write(k.r.Context(), func(w store.Writer) error {
		a, err := w.Account(name)
		if err != nil {
			return err
		}
		if err := change(&a); err != nil {
			return err
		}
		if err := w.ChangeAccount(a); err != nil {
			return err
		}
		if ended, err = w.DeleteSessionsOf(name, except); err != nil {
			return err
		}
		return oneAdministrator(w)
	})
	if err != nil {
		return err
	}
	k.live.end(ended...)
	return k.done()
}

// oneAdministrator keeps the last administrator from being shut out.
func oneAdministrator(r store.Reader) error {
	n, err := r.CountRole(string(identity.Administrator))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "LastAdministrator", "this would leave no administrator")
	}
	return err
}

func (k *call) listAccounts() error {
	out := api.Accounts{Accounts: []api.Account{}}
	err := k.db.Read(k.r.Context(), func(r store.Reader) error {
		all, err := r.Accounts()
		if err != nil {
			return err
		}
		list, err := r.AccountKeys()
		keys := map[string]*api.AccountKey{}
		for i := range list {
			keys[list[i].Account] = apiKey(&list[i])
		}
		for _, a := range all {
			out.Accounts = append(out.Accounts, api.Account{
				Name: a.Name, Role: a.Role, Disabled: a.Disabled, HasPassword: a.PasswordHash != "", CreatedAt: a.CreatedAt, SigningKey: keys[a.Name],
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.answer(out)
}

func (k *call) addAccount() error {
	in, err := decode[api.AddAccountRequest](k)
	if err != nil {
		return err
	}
	if err := identity.CheckName(in.Name); err != nil {
		return err
	}
	role, err := identity.ParseRole(in.Role)
	if err != nil {
		return err
	}
	a := store.Account{Name: in.Name, Role: string(role), CreatedAt: k.clock.Now().UnixMilli()}
	if in.Password != "" {
		if a.PasswordHash, err = k.hasher.Hash(k.r.Context(), in.Password); err != nil {
			return err
		}
	}
	if err := k.beginAudit("", []string{"Account:" + in.Name}, in.Reason); err != nil {
		return err
	}
	if err := k.db.Write(k.r.Context(), func(w store.Writer) error { return w.AddAccount(a) }); err != nil {
		return err
	}
	return k.done()
}

func (k *call) changeAccount() error {
	in, err := decode[api.ChangeAccountRequest](k)
	if err != nil {
		return err
	}
	var role identity.Role
	if in.Role != "" {
		if role, err = identity.ParseRole(in.Role); err != nil {
			return err
		}
	}
	var hash string
	if in.Password != "" {
		if hash, err = k.hasher.Hash(k.r.Context(), in.Password); err != nil {
			return err
		}
	}
	name := k.r.PathValue("name")
	if err := k.beginAudit("", []string{"Account:" + clip(name)}, in.Reason); err != nil {
		return err
	}
	return k.changeRow(name, [32]byte{}, func(a *store.Account) error {
		if role != "" {
			a.Role = string(role)
		}
		if hash != "" {
			a.PasswordHash = hash
		}
		if in.Disabled != nil {
			a.Disabled = *in.Disabled
		}
		return nil
	})
}

func (k *call) deleteAccount() error {
	name := k.r.PathValue("name")
	if err := k.beginAudit("", []string{"Account:" + clip(name)}, ""); err != nil {
		return err
	}
	var ended [][32]byte
	var key store.AccountKey
	err := k.db.Write(k.r.Context(), func(w store.Writer) (err error) {
		if key, err = w.AccountKey(name); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := w.DeleteAccount(name); err != nil {
			return err
		}
		if ended, err = w.DeleteSessionsOf(name, [32]byte{}); err != nil {
			return err
		}
		return oneAdministrator(w)
	})
	if err != nil {
		return err
	}
	k.live.end(ended...)
	if err := k.revokeGenerated(&key); err != nil {
		return err
	}
	k.w.WriteHeader(http.StatusNoContent)
	return nil
}
