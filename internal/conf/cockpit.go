package conf

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

func bindCockpit(b *binder, c *Cockpit) {
	const prefix = "signet.cockpit."
	b.text(&c.Name, Key{
		Name: prefix + "name", Type: "name", Range: nameRange,
		Meaning: "The Cockpit's name, which is the name in its certificate.",
	}, "cockpit", checkName)
	bindListen(b, &c.Listen, prefix+"listen", "0.0.0.0:4446")
	bindControllers(b, c, prefix+"controllers")
	bindTLS(b, &c.TLS)
	bindUserTLS(b, c, prefix)
	bindDatabase(b, c, prefix)
	bindInstallation(b, &c.Installation, &c.SecurityLevel, prefix+"security-level")
	b.text(&c.EnvironmentName, Key{
		Name: prefix + "environment.name", Type: "text", Range: "1 to 32 characters",
		Meaning: "What people call this installation, as Production; it stands on every page.",
	}, "Signet", checkEnvironment)
	b.choice(&c.EnvironmentColor, Key{
		Name: prefix + "environment.color", Meaning: "The colour of the band above every page, by which people tell installations apart.",
	}, "ink", "plum", "ocean", "moss", "clay", "sand")
	bindSigning(b, c, prefix+"signing.")
	b.path(&c.SealingKeyFile, Key{
		Name: prefix + "sealing.key-file",
		Meaning: "The key that opens the accounts' signing keys, which the database has only sealed, at level `medium`. Several Cockpits on one database have the same; " +
			"keep a copy apart from those of the database.",
	}, configBase, "private/sealing.key")
	bindPasskeys(b, c, prefix+"passkeys.")
	b.path(&c.AuthorityDir, Key{
		Name: prefix + "authority.directory", sample: `"/var/lib/signet/ca"`,
		Meaning: "The directory of the certificate authority, as `signet ca init` makes it, from which this Cockpit issues and renews the certificates of Agents and Controllers, " +
			"and whose revocation lists it sends to all parts. Without it, this Cockpit issues none.",
	}, configBase, "")
	b.duration(&c.CertValidity, Key{
		Name:    prefix + "authority.validity",
		Meaning: "How long a certificate is valid that a part gets by enrolling. It is renewed by itself after two thirds of that time.",
	}, day, limits[time.Duration]{low: 10 * time.Second, high: 3650 * day})
	b.duration(&c.SessionIdle, Key{Name: prefix + "session.idle-timeout", Meaning: "A session ends after so long without a request."},
		30*time.Minute, limits[time.Duration]{low: time.Minute, high: 30 * day})
	b.duration(&c.SessionMax, Key{Name: prefix + "session.max-duration", Meaning: "A session ends after so long in any case; not less than the idle timeout."},
		12*time.Hour, limits[time.Duration]{low: time.Minute, high: 90 * day})
	if c.SessionMax < c.SessionIdle {
		b.problem(b.place(prefix+"session.max-duration", prefix+"session.idle-timeout"),
			"%ssession.max-duration (%s) must not be less than %ssession.idle-timeout (%s)",
			prefix, durationText(c.SessionMax), prefix, durationText(c.SessionIdle))
	}
	b.duration(&c.LogRetention, Key{
		Name:    prefix + "history-retention",
		Meaning: "How long finished orders, with their steps and logs, stay in the history; 0 is for ever.",
	}, 0, limits[time.Duration]{low: time.Hour, high: 36500 * day, zero: true})
	bindProcess(b, &c.ShutdownTimeout, &c.LogLevel, &c.LogFormat)
}

// bindSigning binds the key that the Cockpit signs with.
func bindSigning(b *binder, c *Cockpit, prefix string) {
	b.path(&c.SigningKeyFile, Key{Name: prefix + "key-file", Meaning: "The private key (PEM) that the Cockpit signs documents with, at level `low`."},
		configBase, "private/signing-key.pem")
	b.path(&c.SigningCertFile, Key{Name: prefix + "cert-file", Meaning: "Its certificate (PEM), with the code-signing usage."},
		configBase, "private/signing-cert.pem")
	b.path(&c.SigningKeystore, Key{
		Name: prefix + "keystore", sample: `"private/signing.p12"`,
		Meaning: "A PKCS#12 file with that key and its certificate, instead of the PEM files: so the key isn't in the clear on the disk.",
	}, configBase, "")
	b.secret(&c.SigningKeystorePassword, Key{Name: prefix + "keystore-password", Meaning: "That keystore's password. It belongs into `private/private.conf`."})
	if c.SigningKeystore == "" {
		if s := b.find(prefix + "keystore-password"); s != nil {
			b.bad(s, "there is no %skeystore that it is for", prefix)
		}
		return
	}
	if c.SecurityLevel != "low" {
		b.bad(b.find(prefix+"keystore"), "only at the security level low does the Cockpit sign with a key of its own, and the level is %s", c.SecurityLevel)
	}
	for _, name := range []string{"key-file", "cert-file"} {
		if s := b.find(prefix + name); s != nil {
			b.bad(s, "a keystore is set too (%skeystore, at %s); use PEM files or a keystore, not both", prefix, b.place(prefix+"keystore"))
		}
	}
	c.SigningKeyFile, c.SigningCertFile = "", ""
}

// bindPasskeys binds for which pages passkeys are made.
func bindPasskeys(b *binder, c *Cockpit, prefix string) {
	b.text(&c.PasskeyHost, Key{
		Name: prefix + "rp-id", Type: "host name", sample: `"cockpit.example.com"`,
		Meaning: "The host that passkeys are made for: that of the pages' address, or a domain above it. Another one makes all passkeys useless. Without it, it is the host by which a browser asks.",
	}, "", checkHost)
	b.texts(&c.PasskeyOrigins, Key{
		Name: prefix + "origins", Type: "list of URLs", Range: "at most 8 like `https://HOST` or `https://HOST:PORT`", sample: `["https://cockpit.example.com"]`,
		Meaning: "The addresses of these pages, as browsers show them. Passkeys are registered there only, and their files for trusting machines name all of them. Without any, it is the address by which a browser asks.",
	}, nil, 0, 8, checkOrigin)
	for _, origin := range c.PasskeyOrigins {
		if u, err := url.Parse(origin); err == nil && c.PasskeyHost != "" && !hostWithin(u.Hostname(), c.PasskeyHost) {
			b.problem(b.place(prefix+"origins", prefix+"rp-id"), "a passkey for %s can't be used at %s", c.PasskeyHost, origin)
		}
	}
}

// hostWithin tells whether a host is a domain or lies below it.
func hostWithin(host, domain string) bool {
	return host == domain || strings.HasSuffix(host, "."+domain)
}

// bindUserTLS binds the listener's certificate, which is the node's if no key
// of it is set, and the CAs of users.
func bindUserTLS(b *binder, c *Cockpit, prefix string) {
	https := prefix + "https."
	bindIdentity(b, &c.UserTLS, https, "")
	for i, key := range b.keys {
		if strings.HasPrefix(key.Name, https) {
			b.keys[i].Default = "" // it is the node's
			b.keys[i].Meaning = key.Meaning + " (For the listener that users see; without any of these keys, it shows what `signet.tls` has.)"
			if b.keys[i].sample == "" {
				b.keys[i].sample = `"..."`
			}
		}
	}
	if b.find(https+"key-file") == nil && b.find(https+"cert-file") == nil && c.UserTLS.Keystore == "" {
		t := &c.TLS
		c.UserTLS = TLS{
			KeyFile: t.KeyFile, CertFile: t.CertFile, Keystore: t.Keystore, KeystorePassword: t.KeystorePassword, KeystoreAlias: t.KeystoreAlias, KeyPassword: t.KeyPassword,
		}
	}
	bindCRLs(b, &c.UserTLS, https, "Certificate revocation lists (PEM or DER) that users' certificates are checked against; re-read when they change.")
	b.paths(&c.UserCA, Key{
		Name:    prefix + "user-ca-files",
		Meaning: "The CA certificates (PEM) of users' client certificates. Without any, there is no login by certificate.",
	})
}

// bindControllers binds the Controllers that the Cockpit serves.
func bindControllers(b *binder, c *Cockpit, name string) {
	s := b.bind(Key{
		Name: name, Type: "list of objects", Range: "1 to 100 Controllers", Required: true,
		sample:  `[{ id = "controller", members = [{ name = "controller-1", url = "https://localhost:4444" }] }]`,
		Meaning: "The Controllers that the Cockpit serves. A group of members is one Controller.",
	})
	b.keys = append(b.keys,
		Key{Name: name + "[].id", Type: "name", Range: nameRange, Meaning: "The Controller's id.", Required: true},
		Key{Name: name + "[].members", Type: "list of objects", Range: "1 to 5 members", Meaning: "Its members.", Required: true},
		Key{Name: name + "[].members[].name", Type: "name", Range: nameRange, Meaning: "The member's name, in its certificate.", Required: true},
		Key{Name: name + "[].members[].url", Type: "URL", Range: "`https://HOST:PORT`", Meaning: "Where the Cockpit reaches it.", Required: true})
	ids := map[string]bool{}
	elements := b.elements(s, 100, "id", "members")
	if s != nil && len(s.value.Items()) == 0 {
		b.bad(s, "at least one Controller is needed")
	}
	for _, e := range elements {
		if ref, ok := b.controllerRef(e); ok {
			if ids[ref.ID] {
				b.bad(e.object, "another Controller has the same id")
			}
			ids[ref.ID] = true
			c.Controllers = append(c.Controllers, ref)
		}
	}
}

// controllerRef reads one Controller.
func (b *binder) controllerRef(e element) (ref ControllerRef, ok bool) {
	id, members := e.require("id"), e.require("members")
	if id == nil || members == nil {
		return ref, false
	}
	ref.ID, ok = b.checked(id, checkName)
	elements := b.elements(members, maxMembers, "name", "url")
	if len(members.value.Items()) == 0 && ok {
		b.bad(members, "at least one member is needed, in a list")
	}
	for _, m := range elements {
		member, valid := b.member(m)
		if !valid {
			ok = false
			continue
		}
		if slices.Contains(ref.Names, member.Name) || slices.Contains(ref.URLs, member.URL) {
			b.bad(m.object, "another member has the same name or url")
		}
		ref.Names = append(ref.Names, member.Name)
		ref.URLs = append(ref.URLs, member.URL)
	}
	return ref, ok && len(ref.Names) > 0
}

// checkEnvironment checks the name of the installation.
func checkEnvironment(s string) (text, wrong string) {
	if n := utf8.RuneCountInString(s); n < 1 || n > 32 || strings.ContainsFunc(s, unicode.IsControl) {
		return "", "the name has to have 1 to 32 characters, and none of them a control character"
	}
	return s, ""
}
