-- How a step or an order's run ended, for filters: 0 open, 1 succeeded, 2 failed,
-- 3 timed out, 4 killed, 5 process lost, 6 disrupted, 7 cancelled.
ALTER TABLE steps ADD COLUMN result INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN message TEXT NOT NULL DEFAULT '';
UPDATE steps SET
  result = CASE
    WHEN outcome LIKE '{"TYPE":"Succeeded"%' OR outcome LIKE '{"TYPE":"Caught"%' THEN 1
    WHEN outcome LIKE '{"TYPE":"Failed"%' THEN 2
    WHEN outcome LIKE '{"TYPE":"TimedOut"%' THEN 3
    WHEN outcome LIKE '{"TYPE":"Killed"%' THEN 4
    WHEN json_extract(outcome, '$.reason.TYPE') = 'ProcessLost' THEN 5
    ELSE 6 END
  WHERE end_ms > 0 AND outcome <> '';
UPDATE steps SET message = coalesce(substr(coalesce(json_extract(outcome, '$.message'), json_extract(outcome, '$.reason.problem.message'),
    json_extract(outcome, '$.outcome.message')), 1, 1000), '')
  WHERE result > 1;
UPDATE steps SET result = 6 WHERE end_ms > 0 AND outcome = '';

-- Those that end with the controller answer where a page ends by themselves.
DROP INDEX steps_workflow;
CREATE INDEX steps_workflow ON steps (workflow, event, controller);
CREATE INDEX steps_job ON steps (workflow, job, event, controller);
CREATE INDEX steps_agent ON steps (agent, event, controller);
CREATE INDEX steps_failed ON steps (event, controller) WHERE result > 1;
CREATE INDEX steps_open ON steps (event, controller) WHERE result = 0;

CREATE TABLE runs (
  event        INTEGER NOT NULL,
  controller   TEXT    NOT NULL,
  order_id     TEXT    NOT NULL,
  workflow     TEXT    NOT NULL,
  version      TEXT    NOT NULL,
  account      TEXT    NOT NULL,
  method       TEXT    NOT NULL,
  scheduled_ms INTEGER NOT NULL,
  start_ms     INTEGER NOT NULL,
  end_ms       INTEGER NOT NULL,
  state        TEXT    NOT NULL,
  result       INTEGER NOT NULL,
  outcome      TEXT    NOT NULL,
  message      TEXT    NOT NULL,
  PRIMARY KEY (event, controller)
);
CREATE INDEX runs_workflow ON runs (workflow, event, controller);
CREATE INDEX runs_failed ON runs (event, controller) WHERE result > 1;
CREATE INDEX runs_open ON runs (event, controller) WHERE result = 0;

-- Of an id only the newest run is known so far.
INSERT INTO runs (event, controller, order_id, workflow, version, account, method, scheduled_ms, start_ms, end_ms, state, result, outcome, message)
  SELECT run, controller, id, workflow, version, '', '', 0,
    coalesce((SELECT min(start_ms) FROM steps AS s WHERE s.controller = o.controller AND s.root = o.id AND s.run = o.run), 0),
    ended_at, CASE WHEN ended = 1 THEN state ELSE '' END,
    CASE WHEN ended = 0 THEN 0 WHEN successful = 1 THEN 1 WHEN state = 'Cancelled' THEN 7 ELSE 2 END, '', ''
  FROM orders AS o WHERE id = root;

CREATE TABLE hours (
  controller TEXT    NOT NULL,
  hour       INTEGER NOT NULL,
  succeeded  INTEGER NOT NULL,
  failed     INTEGER NOT NULL,
  cancelled  INTEGER NOT NULL,
  PRIMARY KEY (controller, hour)
);
INSERT INTO hours (controller, hour, succeeded, failed, cancelled)
  SELECT controller, end_ms / 3600000, sum(result = 1), sum(result = 2), sum(result = 7) FROM runs WHERE result > 0 GROUP BY 1, 2;

ALTER TABLE audit ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN time_spent INTEGER NOT NULL DEFAULT 0;
CREATE INDEX audit_time ON audit (time);
CREATE INDEX audit_account ON audit (account);

CREATE TABLE filters (
  owner      TEXT    NOT NULL,
  page       TEXT    NOT NULL,
  name       TEXT    NOT NULL,
  query      TEXT    NOT NULL,
  shared     INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  changed_at INTEGER NOT NULL,
  PRIMARY KEY (owner, page, name)
);
