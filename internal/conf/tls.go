package conf

const (
	defaultKey        = "private/https-key.pem"
	defaultCert       = "private/https-cert.pem"
	defaultTrust      = "private/https-trust.pem"
	defaultKeystore   = "private/https-keystore.p12"
	defaultTruststore = "private/https-truststore.p12"

	defaultClientKeystore = "private/https-client-keystore.p12"

	js7HTTPS = "js7.web.https."
)

// bindTLS binds the identity of a node and whom it believes.
func bindTLS(b *binder, t *TLS) {
	const prefix = "signet.tls."
	bindIdentity(b, t, prefix, js7HTTPS)
	b.secret(&t.KeyPassword, Key{
		Name: prefix + "keystore.key-password", Alias: js7HTTPS + "keystore.key-password",
		Meaning: "The key's password, if it isn't the keystore's. Few programs make such a keystore: keytool says that it ignores the key's password, openssl has one for all.",
	})
	if t.KeyPassword.Equal(t.KeystorePassword) {
		t.KeyPassword = Secret{}
	}
	b.text(&t.KeystoreAlias, Key{
		Name: prefix + "keystore.alias", Alias: js7HTTPS + "keystore.alias", Type: "text", sample: `"..."`,
		Meaning: "Which key of the keystore is meant, if it holds several.",
	}, "", func(s string) (string, string) { return s, "" })
	b.paths(&t.TrustFiles, Key{
		Name: prefix + "trust-files",
		Meaning: "PEM or PKCS#12 files (`.p12`, `.pfx`) with the CA certificates that the other side's certificate is checked against. " +
			"JS7's `js7.web.https.truststores` is accepted instead.",
	}, defaultTrust)
	b.secret(&t.TrustPassword, Key{Name: prefix + "trust-password", Meaning: "The password of the PKCS#12 files among them."})
	bindTruststores(b, t, prefix)
	bindCRLs(b, t, prefix, "Certificate revocation lists (PEM or DER) that the other side's certificate is checked against; re-read when they change.")
}

func bindCRLs(b *binder, t *TLS, prefix, meaning string) {
	b.paths(&t.CRLFiles, Key{Name: prefix + "crl-files", Meaning: meaning})
}

// bindIdentity binds key and certificate: PEM files or a keystore. js7 is the
// prefix of JS7's names for the same; empty if there are none.
func bindIdentity(b *binder, t *TLS, prefix, js7 string) {
	alias := func(name string) string {
		if js7 == "" {
			return ""
		}
		return js7 + name
	}
	b.path(&t.KeyFile, Key{Name: prefix + "key-file", Meaning: "The private key (PEM), if there is no keystore."}, configBase, defaultKey)
	b.path(&t.CertFile, Key{Name: prefix + "cert-file", Meaning: "The certificate (PEM), intermediates after it, if there is no keystore."}, configBase, defaultCert)
	b.path(&t.Keystore, Key{
		Name: prefix + "keystore.file", Alias: alias("keystore.file"), sample: QuoteString(defaultKeystore),
		Meaning: "A PKCS#12 file with one key and its certificate, instead of the PEM files. If only its password is set, it is `" + defaultKeystore + "`.",
	}, configBase, "")
	b.secret(&t.KeystorePassword, Key{Name: prefix + "keystore.password", Alias: alias("keystore.store-password"), Meaning: "The keystore's password."})
	if t.Keystore == "" && !t.KeystorePassword.IsEmpty() {
		t.Keystore = resolve(b.configDir, defaultKeystore)
	}
	if t.Keystore == "" {
		return
	}
	for _, name := range []string{"key-file", "cert-file"} {
		if s := b.find(prefix + name); s != nil {
			b.bad(s, "a keystore is set too (%skeystore, at %s); use PEM files or a keystore, not both", prefix,
				b.place(prefix+"keystore.file", alias("keystore.file"), prefix+"keystore", alias("keystore")))
		}
	}
	t.KeyFile, t.CertFile = "", ""
}

// bindTruststores takes JS7's list of truststores, which has a password with
// each file, for ours, which has one for all.
func bindTruststores(b *binder, t *TLS, prefix string) {
	s := b.find(js7HTTPS + "truststores")
	b.keys = append(b.keys, Key{
		Name: js7HTTPS + "truststores", Type: "list of objects",
		Range:   "at most 100, with `file` (default `" + defaultTruststore + "`), `store-password` and `alias`",
		Meaning: "JS7's form of `" + prefix + "trust-files` and `" + prefix + "trust-password`. As in JS7, everything in such a file is trusted, whatever its alias is.",
		sample:  `[{ file = ` + QuoteString(defaultTruststore) + `, store-password = "..." }]`,
	})
	if s == nil {
		return
	}
	for _, name := range []string{"trust-files", "trust-password"} {
		if own := b.find(prefix + name); own != nil {
			b.bad(s, "it is another form of %s, which is set at %s; remove one of them", own.name, own.where)
			return
		}
	}
	t.TrustFiles = nil
	for _, e := range b.elements(s, 100, "file", "store-password", "alias") {
		file := defaultTruststore
		if f := e.get("file"); f != nil {
			text, ok := b.scalar(f)
			if !ok {
				continue
			}
			file = text
		}
		file = resolve(b.configDir, file)
		t.TrustFiles = append(t.TrustFiles, file)
		p := e.get("store-password")
		if p == nil {
			continue
		}
		if text, ok := b.scalar(p); ok {
			if t.TrustPasswords == nil {
				t.TrustPasswords = map[string]Secret{}
			}
			t.TrustPasswords[file] = NewSecret(text)
		}
	}
}
