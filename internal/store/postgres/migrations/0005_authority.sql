CREATE TABLE bulletins (
  kind    bytea NOT NULL,
  id      bytea NOT NULL,
  version bytea NOT NULL,
  text    bytea NOT NULL,
  PRIMARY KEY (kind, id)
);

CREATE TABLE enrolments (
  hash       bytea   NOT NULL PRIMARY KEY,
  role       bytea   NOT NULL,
  name       bytea   NOT NULL,
  hosts      bytea   NOT NULL,
  controller bytea   NOT NULL,
  authority  bytea   NOT NULL,
  made_by    bytea   NOT NULL,
  made_at    bigint  NOT NULL,
  expires_at bigint  NOT NULL,
  used_at    bigint  NOT NULL
);
CREATE INDEX enrolments_name ON enrolments (role, name);
