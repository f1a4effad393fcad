CREATE TABLE objects (
  id         INTEGER PRIMARY KEY,
  kind       TEXT    NOT NULL,
  path       TEXT    NOT NULL,
  folder     TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  folded     TEXT    NOT NULL,
  state      TEXT    NOT NULL,
  format     TEXT    NOT NULL,
  synced     INTEGER NOT NULL,
  problems   INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  changed_by TEXT    NOT NULL,
  trashed_at INTEGER NOT NULL,
  current    INTEGER NOT NULL,
  deployed   INTEGER NOT NULL,
  former     TEXT    NOT NULL,
  successor  TEXT    NOT NULL
);
CREATE UNIQUE INDEX objects_key ON objects (path, kind);
CREATE INDEX objects_kind ON objects (kind, path);
CREATE INDEX objects_folder ON objects (folder, name, kind);
CREATE INDEX objects_state ON objects (state, path, kind);
CREATE INDEX objects_trashed ON objects (trashed_at, id) WHERE trashed_at > 0;

CREATE TABLE object_drafts (
  object INTEGER NOT NULL PRIMARY KEY,
  text   TEXT    NOT NULL
);

CREATE TABLE object_versions (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  object     INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  controller TEXT    NOT NULL,
  event      INTEGER NOT NULL,
  version    TEXT    NOT NULL,
  format     TEXT    NOT NULL,
  digest     TEXT    NOT NULL,
  signer     TEXT    NOT NULL,
  time       INTEGER NOT NULL,
  account    TEXT    NOT NULL,
  reason     TEXT    NOT NULL,
  deployment TEXT    NOT NULL,
  text       TEXT    NOT NULL
);
CREATE INDEX object_versions_object ON object_versions (object, id);
CREATE INDEX object_versions_unnamed ON object_versions (controller, event) WHERE controller <> '' AND deployment = '';

CREATE TABLE object_deployments (
  object     INTEGER NOT NULL,
  controller TEXT    NOT NULL,
  version    INTEGER NOT NULL,
  PRIMARY KEY (object, controller)
) WITHOUT ROWID;

CREATE TABLE deployments (
  controller TEXT    NOT NULL,
  id         TEXT    NOT NULL,
  time       INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  PRIMARY KEY (controller, id)
) WITHOUT ROWID;
CREATE INDEX deployments_time ON deployments (time);

CREATE TABLE object_references (
  object INTEGER NOT NULL,
  kind   TEXT    NOT NULL,
  path   TEXT    NOT NULL,
  user   TEXT    NOT NULL,
  PRIMARY KEY (object, kind, path)
) WITHOUT ROWID;
CREATE INDEX object_references_to ON object_references (kind, path, user, object);

CREATE TABLE folders (
  path    TEXT    NOT NULL PRIMARY KEY,
  parent  TEXT    NOT NULL,
  name    TEXT    NOT NULL,
  objects INTEGER NOT NULL,
  changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX folders_parent ON folders (parent, name);

CREATE VIRTUAL TABLE object_names USING fts5 (text, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE object_texts USING fts5 (text, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram case_sensitive 1');
