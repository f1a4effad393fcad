package conf

import (
	"path/filepath"
	"time"
)

const (
	kiB = 1 << 10
	miB = 1 << 20
	giB = 1 << 30
	tiB = 1 << 40
	day = 24 * time.Hour
)

// bindTrust binds whose signatures are accepted.
func bindTrust(b *binder, t *Trust) {
	const prefix = "signet.trust."
	const js7 = "js7.configuration.trusted-signature-keys."
	b.path(&t.X509Dir, Key{
		Name: prefix + "x509-directory", Alias: js7 + "X509",
		Meaning: "The directory with the certificates (`*.pem`) whose signatures are accepted: of a CA, or the signer's own.",
	}, configBase, "private/trusted-x509-keys")
	b.path(&t.PGPDir, Key{
		Name: prefix + "pgp-directory", Alias: js7 + "PGP",
		Meaning: "The directory with the OpenPGP public keys (`*.asc`) whose signatures are accepted.",
	}, configBase, "private/trusted-pgp-keys")
	b.path(&t.SSHDir, Key{
		Name:    prefix + "ssh-directory",
		Meaning: "The directory with the SSH public keys (`*.pub`) whose signatures are accepted.",
	}, configBase, "private/trusted-ssh-keys")
	b.path(&t.PasskeyDir, Key{
		Name:    prefix + "passkey-directory",
		Meaning: "The directory with the passkeys (`*.json`) whose signatures are accepted.",
	}, configBase, "private/trusted-passkeys")
	b.path(&t.PolicyRootDir, Key{
		Name:    prefix + "policy-root-directory",
		Meaning: "The directory with the keys that sign trust policies (`*.pem`, `*.asc`, `*.pub`). If it holds any, a trust policy is required: without one no document is accepted.",
	}, configBase, "private/policy-root")
	b.path(&t.PolicyFile, Key{
		Name:    prefix + "policy-file",
		Meaning: "The trust policy, with its signature beside it (`.sig` and `.pem`, `.asc`, or `.sshsig`). An older version than one that was accepted is refused; one that was sent here counts instead if its version is higher.",
	}, configBase, "private/trust-policy.json")
	t.SentDir = filepath.Join(b.dataDir, "trust", "signers")
	t.SentPolicy = filepath.Join(b.dataDir, "trust", "policy", "trust-policy.json")
	b.number(&t.MinRSABits, Key{Name: prefix + "min-rsa-bits", Meaning: "Signatures of smaller RSA keys are refused."},
		3072, limits[int]{low: 2048, high: 16384})
	b.boolean(&t.AllowExpired, Key{
		Name: prefix + "allow-expired-signers",
		Meaning: "Whether a document that was accepted before stays in use when its signer's certificate has expired meanwhile. " +
			"A new document of an expired certificate is refused always.",
	})
	b.duration(&t.Reload, Key{Name: prefix + "reload-interval", Meaning: "How often these directories and the policy are looked at for changes."},
		time.Second, limits[time.Duration]{low: 100 * time.Millisecond, high: 2 * time.Second})
}

// bindInstallation binds what the parts of one installation have in common.
func bindInstallation(b *binder, installation, level *string, levelName string) {
	b.text(installation, Key{
		Name: "signet.installation", Type: "name", Range: nameRange,
		Meaning: "The id of the installation, the same for all its parts and of no other installation: releases state for which one they are made, and are refused elsewhere. " +
			"Without it no release is accepted; an Agent takes it from its Controller then.",
	}, "", checkName)
	b.choice(level, Key{
		Name: levelName,
		Meaning: "Who signs what is deployed: at `low` the Cockpit does, with one key; at `medium` it does with the key of the account that deploys; " +
			"at `high` somebody outside of all parts does. Fixed when the part starts for the first time; a part refuses to work for one with a lower level.",
	}, "low", "medium", "high")
}

// bindJournal binds what Controllers' and Agents' event logs have in common.
func bindJournal(b *binder, snapshotBytes *int64, period *time.Duration, minFree *int64) {
	b.size(snapshotBytes, Key{
		Name:    "signet.journal.snapshot.when-bigger-than",
		Meaning: "A snapshot is taken at the latest when so much was written to the event log since the last one. As much as the last snapshot has is enough, from 8 MiB on.",
	}, 256*miB, limits[int64]{low: miB, high: tiB})
	b.duration(period, Key{Name: "signet.journal.snapshot.period", Meaning: "A snapshot is taken so often at least, if anything happened."},
		time.Hour, limits[time.Duration]{low: time.Minute, high: 30 * day})
	b.size(minFree, Key{
		Name:    "signet.journal.min-free-space",
		Meaning: "With less free space on the data directory's disk, nothing new is accepted.",
	}, 64*miB, limits[int64]{low: miB, high: tiB})
}

// bindProcess binds what all parts have as programs.
func bindProcess(b *binder, shutdown *time.Duration, level, format *string) {
	b.duration(shutdown, Key{
		Name:    "signet.shutdown-timeout",
		Meaning: "How long the part may take to end in order when it is told to; then it ends at once.",
	}, 8*time.Second, limits[time.Duration]{low: time.Second, high: 5 * time.Minute})
	b.choice(level, Key{Name: "signet.log.level", Meaning: "The least level that is logged."}, "info", "debug", "warn", "error")
	b.choice(format, Key{Name: "signet.log.format", Meaning: "How log lines are written."}, "text", "json")
}

// listen binds the address of a part's listener.
func bindListen(b *binder, dst *string, name, def string) {
	b.text(dst, Key{
		Name: name, Type: "HOST:PORT", Range: "port 0 to 65535, 0 takes a free one",
		Meaning: "Where the part listens, always with TLS. `0.0.0.0` is every IPv4 address, an empty host every address.",
	}, def, checkListen)
}
