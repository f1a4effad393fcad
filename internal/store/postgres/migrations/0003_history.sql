-- No database of this engine has rows of an earlier form: there is nothing to fill in.
-- How a step or an order's run ended, for filters: 0 open, 1 succeeded, 2 failed,
-- 3 timed out, 4 killed, 5 process lost, 6 disrupted, 7 cancelled.
ALTER TABLE steps ADD COLUMN result bigint  NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN message bytea NOT NULL DEFAULT '';

-- Those that end with the controller answer where a page ends by themselves.
DROP INDEX steps_workflow;
CREATE INDEX steps_workflow ON steps (workflow, event, controller);
CREATE INDEX steps_job ON steps (workflow, job, event, controller);
CREATE INDEX steps_agent ON steps (agent, event, controller);
CREATE INDEX steps_failed ON steps (event, controller) WHERE result > 1;
CREATE INDEX steps_open ON steps (event, controller) WHERE result = 0;

CREATE TABLE runs (
  event        bigint  NOT NULL,
  controller   bytea   NOT NULL,
  order_id     bytea   NOT NULL,
  workflow     bytea   NOT NULL,
  version      bytea   NOT NULL,
  account      bytea   NOT NULL,
  method       bytea   NOT NULL,
  scheduled_ms bigint  NOT NULL,
  start_ms     bigint  NOT NULL,
  end_ms       bigint  NOT NULL,
  state        bytea   NOT NULL,
  result       bigint  NOT NULL,
  outcome      bytea   NOT NULL,
  message      bytea   NOT NULL,
  PRIMARY KEY (event, controller)
);
CREATE INDEX runs_workflow ON runs (workflow, event, controller);
CREATE INDEX runs_failed ON runs (event, controller) WHERE result > 1;
CREATE INDEX runs_open ON runs (event, controller) WHERE result = 0;

CREATE TABLE hours (
  controller bytea   NOT NULL,
  hour       bigint  NOT NULL,
  succeeded  bigint  NOT NULL,
  failed     bigint  NOT NULL,
  cancelled  bigint  NOT NULL,
  PRIMARY KEY (controller, hour)
);

ALTER TABLE audit ADD COLUMN ticket bytea NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN time_spent bigint  NOT NULL DEFAULT 0;
CREATE INDEX audit_time ON audit (time);
CREATE INDEX audit_account ON audit (account);

CREATE TABLE filters (
  owner      bytea   NOT NULL,
  page       bytea   NOT NULL,
  name       bytea   NOT NULL,
  query      bytea   NOT NULL,
  shared     bigint  NOT NULL,
  revision   bigint  NOT NULL,
  changed_at bigint  NOT NULL,
  PRIMARY KEY (owner, page, name)
);

-- As SQLite has it.
CREATE FUNCTION instr(bytea, bytea) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS 'SELECT position($2 in $1)::bigint';
