CREATE TABLE bulletins (
  kind    TEXT NOT NULL,
  id      TEXT NOT NULL,
  version TEXT NOT NULL,
  text    TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE TABLE enrolments (
  hash       BLOB    NOT NULL PRIMARY KEY,
  role       TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  hosts      TEXT    NOT NULL,
  controller TEXT    NOT NULL,
  authority  BLOB    NOT NULL,
  made_by    TEXT    NOT NULL,
  made_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX enrolments_name ON enrolments (role, name);
