package postgres

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signet-scheduler/signet/internal/fault"
)

// connectTime is how long a connection may take to be made, if the address
// doesn't say.
const connectTime = "5"

// address returns the settings of connections to a database. What the URL leaves
// out is set here, so that the environment and files in somebody's home don't
// decide it.
func address(o Options) (*pgxpool.Config, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		// The error may hold the URL, and that a password.
		return nil, fault.New(fault.Invalid, "InvalidDatabase", "the database's address isn't a URL like postgres://USER@HOST/DATABASE")
	}
	q := u.Query()
	set := func(key, value string) {
		if !q.Has(key) {
			q.Set(key, value)
		}
	}
	if u.Port() == "" {
		set("port", "5432")
	}
	if strings.Trim(u.Path, "/") == "" {
		set("dbname", "signet")
	}
	set("connect_timeout", connectTime)
	set("application_name", "signet")
	set("sslmode", sslMode(u, q))
	set("target_session_attrs", "read-write")
	for _, key := range []string{"passfile", "sslcert", "sslkey", "sslrootcert", "options", "timezone"} {
		set(key, "")
	}
	if q.Get("options") == "" {
		q.Del("options")
	}
	if q.Get("timezone") == "" {
		q.Set("timezone", "UTC")
	}
	u.RawQuery = q.Encode()
	c, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, fault.New(fault.Invalid, "InvalidDatabase", "the database's address can't be used: %s", withoutAddress(err))
	}
	return c, nil
}

// withoutAddress returns what an error of the driver says but for the address,
// in which a password may stand.
func withoutAddress(err error) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, "`: "); ok {
		return after
	}
	return "it has a form that isn't known"
}

// sslMode says how a connection is protected when the address doesn't: one that
// leaves the machine shows a certificate of that host.
func sslMode(u *url.URL, q url.Values) string {
	hosts := u.Host
	if hosts == "" {
		hosts = q.Get("host")
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		ip := net.ParseIP(host)
		if host != "" && host != "localhost" && !strings.HasPrefix(host, "/") && !strings.HasPrefix(host, "@") && (ip == nil || !ip.IsLoopback()) {
			return "verify-full"
		}
	}
	return "prefer"
}

// withPassword makes each new connection ask for the password, which may have
// changed.
func withPassword(c *pgxpool.Config, password func() (string, error)) {
	if password == nil {
		return
	}
	c.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
		secret, err := password()
		if err == nil && secret != "" {
			conn.Password = secret
		}
		return err
	}
}

// Bounds of time, in the database and here. A transaction of a Cockpit that hangs
// must not hold up the others for long.
const (
	lockTime      = 10 * time.Second // for a lock that another holds
	statementTime = time.Minute
	idleTime      = 5 * time.Second // within a transaction
	writeTime     = 2 * time.Minute // all of a shared transaction
	settleTime    = 15 * time.Second
)

// prepare makes the settings of a new connection.
const prepare = `SELECT
	set_config('lock_timeout', '10s', false),
	set_config('statement_timeout', '60s', false),
	set_config('idle_in_transaction_session_timeout', '5s', false),
	set_config('tcp_keepalives_idle', '5', false),
	set_config('tcp_keepalives_interval', '2', false),
	set_config('tcp_keepalives_count', '3', false),
	set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
	set_config('bytea_output', 'hex', false)`
