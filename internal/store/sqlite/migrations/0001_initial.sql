CREATE TABLE accounts (
  name          TEXT    NOT NULL PRIMARY KEY,
  folded        TEXT    NOT NULL UNIQUE,
  role          TEXT    NOT NULL,
  password_hash TEXT    NOT NULL,
  disabled      INTEGER NOT NULL,
  created_at    INTEGER NOT NULL
);

CREATE TABLE sessions (
  hash        BLOB    NOT NULL PRIMARY KEY,
  account     TEXT    NOT NULL,
  method      TEXT    NOT NULL,
  certificate TEXT    NOT NULL,
  created_at  INTEGER NOT NULL,
  last_used   INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
);
CREATE INDEX sessions_account ON sessions (account);

CREATE TABLE audit (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  time       INTEGER NOT NULL,
  account    TEXT    NOT NULL,
  method     TEXT    NOT NULL,
  address    TEXT    NOT NULL,
  action     TEXT    NOT NULL,
  controller TEXT    NOT NULL,
  objects    TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  result     TEXT    NOT NULL
);

CREATE TABLE positions (
  controller TEXT    NOT NULL PRIMARY KEY,
  event      INTEGER NOT NULL
);

CREATE TABLE orders (
  controller TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  root       TEXT    NOT NULL,
  run        INTEGER NOT NULL,
  workflow   TEXT    NOT NULL,
  version    TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  ended      INTEGER NOT NULL,
  successful INTEGER NOT NULL,
  gone       INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL,
  step       INTEGER NOT NULL,
  body       BLOB    NOT NULL,
  PRIMARY KEY (controller, id)
);
CREATE INDEX orders_gone ON orders (ended_at) WHERE gone = 1;

CREATE TABLE steps (
  controller  TEXT    NOT NULL,
  event       INTEGER NOT NULL,
  order_id    TEXT    NOT NULL,
  root        TEXT    NOT NULL,
  run         INTEGER NOT NULL,
  workflow    TEXT    NOT NULL,
  version     TEXT    NOT NULL,
  position    TEXT    NOT NULL,
  label       TEXT    NOT NULL,
  job         TEXT    NOT NULL,
  agent       TEXT    NOT NULL,
  task        TEXT    NOT NULL,
  start_ms    INTEGER NOT NULL,
  try         INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  end_ms      INTEGER NOT NULL DEFAULT 0,
  outcome     TEXT    NOT NULL DEFAULT '',
  return_code INTEGER,
  ended_here  INTEGER NOT NULL DEFAULT 0,
  log_state   INTEGER NOT NULL DEFAULT 0,
  log_created INTEGER NOT NULL DEFAULT 0,
  log_bytes   INTEGER NOT NULL DEFAULT 0,
  log_chunks  INTEGER NOT NULL DEFAULT 0,
  log_retry   INTEGER NOT NULL DEFAULT 0,
  log_problem TEXT    NOT NULL DEFAULT '',
  PRIMARY KEY (event, controller)
);
CREATE INDEX steps_root ON steps (controller, root, event);
CREATE INDEX steps_workflow ON steps (workflow, event);
CREATE INDEX steps_pending ON steps (controller, log_retry) WHERE log_state = 1;

CREATE TABLE log_chunks (
  event      INTEGER NOT NULL,
  controller TEXT    NOT NULL,
  nr         INTEGER NOT NULL,
  data       BLOB    NOT NULL,
  PRIMARY KEY (event, controller, nr)
);
