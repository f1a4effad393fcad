ALTER TABLE passkeys ADD COLUMN last_used_at INTEGER NOT NULL DEFAULT 0;

CREATE TABLE pending_releases (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  controller TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  author     TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  digest     TEXT    NOT NULL,
  objects    INTEGER NOT NULL,
  made_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  signatures TEXT    NOT NULL,
  body       BLOB    NOT NULL
);
