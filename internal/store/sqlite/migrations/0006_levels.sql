CREATE TABLE installation (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE account_keys (
  account      TEXT    NOT NULL PRIMARY KEY,
  kind         TEXT    NOT NULL,
  key_id       TEXT    NOT NULL,
  signer       TEXT    NOT NULL,
  certificates TEXT    NOT NULL,
  expires_at   INTEGER NOT NULL,
  origin       TEXT    NOT NULL,
  made_at      INTEGER NOT NULL,
  sealed       BLOB    NOT NULL
) WITHOUT ROWID;
