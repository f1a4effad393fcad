package conf

import (
	"net/url"
	"strings"

	"github.com/signet-scheduler/signet/internal/fault"
)

// bindDatabase binds where the Cockpit's database is, and what opens it.
func bindDatabase(b *binder, c *Cockpit, prefix string) {
	c.DataDir = b.dataDir
	c.DatabaseAt = b.place(prefix + "database")
	var inURL Secret
	b.text(&c.Database, Key{
		Name: prefix + "database", Type: "text", hidden: true, Default: `"sqlite:cockpit.db"`,
		Range: "`sqlite:FILE`, FILE relative to the data directory, or `postgres://USER@HOST[:PORT]/DATABASE[?...]`",
		Meaning: "The Cockpit's database: a file here, or a PostgreSQL database, which several Cockpits may share. " +
			"The address is a libpq URL; without `sslmode`, a server on another machine must show a certificate of its name.",
	}, "sqlite:"+resolve(b.dataDir, "cockpit.db"), func(s string) (text, wrong string) {
		text, inURL, wrong = checkDatabase(b.dataDir, s)
		return text, wrong
	})
	b.secret(&c.DatabasePassword, Key{Name: prefix + "database-password", Meaning: "The password at a PostgreSQL database. It belongs into `private/private.conf`."})
	b.path(&c.DatabasePasswordFile, Key{
		Name: prefix + "database-password-file", sample: `"private/database-password"`,
		Meaning: "Instead, a file with nothing but the password, readable for the part's user only. It is read for each new connection.",
	}, configBase, "")
	ways := 0
	for _, given := range []bool{!inURL.IsEmpty(), !c.DatabasePassword.IsEmpty(), c.DatabasePasswordFile != ""} {
		if given {
			ways++
		}
	}
	where := b.place(prefix+"database-password-file", prefix+"database-password", prefix+"database")
	switch {
	case ways > 1:
		b.problem(where, "the database's password is set twice: in the address, by %sdatabase-password, or by %sdatabase-password-file; leave one", prefix, prefix)
	case ways == 1 && strings.HasPrefix(c.Database, "sqlite:"):
		b.problem(where, "a file has no password: %sdatabase is an SQLite database", prefix)
	case !inURL.IsEmpty():
		c.DatabasePassword = inURL
	}
}

// checkDatabase makes the path of a file absolute, and takes the password out of an
// address.
func checkDatabase(dataDir, s string) (text string, password Secret, wrong string) {
	// No message shows the value: it may hold a password.
	const expected = "expected sqlite:FILE or postgres://USER@HOST/DATABASE"
	if file, ok := strings.CutPrefix(s, "sqlite:"); ok {
		if file == "" || strings.HasPrefix(file, "//") || strings.ContainsAny(file, "?#") {
			return "", password, expected
		}
		return "sqlite:" + resolve(dataDir, file), password, ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" || u.Fragment != "" {
		return "", password, expected
	}
	if q, err := url.ParseQuery(u.RawQuery); err != nil || q.Has("password") || q.Has("sslpassword") {
		return "", password, "the password stands before the @ of the address, or in signet.cockpit.database-password"
	}
	if secret, ok := u.User.Password(); ok {
		password = NewSecret(secret)
		u.User = url.User(u.User.Username())
	}
	return u.String(), password, ""
}

// WithDatabase returns the settings of the same Cockpit on a PostgreSQL database.
func (c *Cockpit) WithDatabase(address, passwordFile string) (*Cockpit, error) {
	text, password, wrong := checkDatabase(c.DataDir, address)
	switch {
	case !password.IsEmpty():
		wrong = "a password in the address would show in the list of processes: put it into a file"
	case wrong == "" && strings.HasPrefix(text, "sqlite:"):
		wrong = "expected postgres://USER@HOST/DATABASE"
	}
	if wrong != "" {
		return nil, fault.New(fault.Invalid, "InvalidDatabase", "the database's address: %s", wrong)
	}
	other := *c
	other.Database, other.DatabasePassword, other.DatabasePasswordFile = text, Secret{}, passwordFile
	return &other, nil
}
