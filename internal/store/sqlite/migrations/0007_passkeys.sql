CREATE TABLE passkeys (
  id              BLOB    NOT NULL PRIMARY KEY,
  account         TEXT    NOT NULL,
  name            TEXT    NOT NULL,
  public_key      BLOB    NOT NULL,
  rp_id           TEXT    NOT NULL,
  origin          TEXT    NOT NULL,
  backup_eligible INTEGER NOT NULL,
  made_at         INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX passkeys_account ON passkeys (account, made_at);
