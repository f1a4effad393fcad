CREATE TABLE deployment_log (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  controller     TEXT    NOT NULL,
  command        TEXT    NOT NULL,
  event          INTEGER NOT NULL,
  time           INTEGER NOT NULL,
  account        TEXT    NOT NULL,
  method         TEXT    NOT NULL,
  reason         TEXT    NOT NULL,
  release_name   TEXT    NOT NULL,
  release_serial INTEGER NOT NULL,
  release_author TEXT    NOT NULL,
  release_digest TEXT    NOT NULL,
  evidence       TEXT    NOT NULL,
  signers        TEXT    NOT NULL,
  added          INTEGER NOT NULL,
  changed        INTEGER NOT NULL,
  withdrawn      INTEGER NOT NULL
);
CREATE UNIQUE INDEX deployment_log_command ON deployment_log (controller, command);
CREATE INDEX deployment_log_account ON deployment_log (account, id);
CREATE INDEX deployment_log_release ON deployment_log (release_serial, id);
CREATE INDEX deployment_log_time ON deployment_log (time, id);

CREATE TABLE deployment_objects (
  deployment INTEGER NOT NULL,
  event      INTEGER NOT NULL,
  kind       TEXT    NOT NULL,
  path       TEXT    NOT NULL,
  object     INTEGER NOT NULL,
  version    INTEGER NOT NULL,
  version_id TEXT    NOT NULL,
  digest     TEXT    NOT NULL,
  signer     TEXT    NOT NULL,
  evidence   TEXT    NOT NULL,
  previous   INTEGER NOT NULL,
  change     TEXT    NOT NULL,
  PRIMARY KEY (deployment, event)
) WITHOUT ROWID;
CREATE INDEX deployment_objects_path ON deployment_objects (path, deployment);

INSERT INTO deployment_log (controller, command, event, time, account, method, reason, release_name, release_serial, release_author, release_digest, evidence, signers, added, changed, withdrawn)
  SELECT controller, deployment, max(event), max(time), max(account), '', max(reason), '', 0, '', '', '', '[]', 0, 0, 0
  FROM object_versions WHERE controller <> '' AND deployment <> '' AND deployment <> 'unknown' GROUP BY controller, deployment ORDER BY max(event);
INSERT INTO deployment_objects (deployment, event, kind, path, object, version, version_id, digest, signer, evidence, previous, change)
  SELECT l.id, v.event, o.kind, o.path, v.object, v.id, v.version, v.digest, v.signer, '', coalesce(p.id, 0), CASE WHEN p.id IS NULL THEN 'added' ELSE 'changed' END
  FROM object_versions AS v JOIN deployment_log AS l ON l.controller = v.controller AND l.command = v.deployment JOIN objects AS o ON o.id = v.object
    LEFT JOIN object_versions AS p ON p.id = (SELECT max(b.id) FROM object_versions AS b WHERE b.object = v.object AND b.controller = v.controller AND b.id < v.id);
UPDATE deployment_log SET added = (SELECT count(*) FROM deployment_objects WHERE deployment = id AND change = 'added'),
  changed = (SELECT count(*) FROM deployment_objects WHERE deployment = id AND change = 'changed');
