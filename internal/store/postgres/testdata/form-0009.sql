INSERT INTO accounts (name, folded, role, password_hash, disabled, created_at) VALUES ('Anna', 'anna', 'administrator', 'h', 0, 1);
INSERT INTO sessions (hash, account, method, certificate, created_at, last_used, expires_at) VALUES ('\x0100ff', 'Anna', 'password', '', 1, 1, 2);
INSERT INTO audit (time, account, method, address, action, controller, objects, reason, result) VALUES (1, 'Anna', 'password', '127.0.0.1', 'init', '', '["Order:O"]', '\x7200ff', 'done');
INSERT INTO positions (controller, event) VALUES ('c', 9007199254740992);
INSERT INTO orders (controller, id, root, run, workflow, version, state, ended, successful, gone, ended_at, since, step, label, job, body) VALUES ('c', 'O', 'O', 1, 'W', '1', 'Finished', 1, 1, 0, 7, 7, 0, 'l', 'j', '\x00ff');
INSERT INTO steps (controller, event, order_id, root, run, workflow, version, position, label, job, agent, task, start_ms, try, attempt, end_ms, outcome, return_code, ended_here, log_state, log_created, log_bytes, log_chunks, log_retry, log_problem)
  VALUES ('c', 1000, '\x4f7c7800', 'O', 1, 'W', '1', '[0]', 'l', 'j', 'a', 't', 1, 1, 1, 2, '{}', NULL, 3, 2, 1, 3, 1, 0, 'p');
INSERT INTO log_chunks (event, controller, nr, data) VALUES (1000, 'c', 0, '\x0001ff');
INSERT INTO lease (id, holder, reader, term, until_ms) VALUES (1, 'c', 'c', 1, 0);
UPDATE steps SET result = 2, message = 'm';
UPDATE audit SET ticket = 't', time_spent = 1;
INSERT INTO runs (event, controller, order_id, workflow, version, account, method, scheduled_ms, start_ms, end_ms, state, result, outcome, message) VALUES (1, 'c', 'O', 'W', '1', '', '', 0, 1, 2, 'Finished', 1, '', '');
INSERT INTO hours (controller, hour, succeeded, failed, cancelled) VALUES ('c', 1, 1, 0, 0);
INSERT INTO filters (owner, page, name, query, shared, revision, changed_at) VALUES ('Anna', 'history', 'n', '{}', 1, 1, 1);
INSERT INTO objects (id, kind, path, folder, name, title, folded, state, format, synced, problems, revision, changed_at, changed_by, trashed_at, current, deployed, former, successor)
  VALUES (7, 'Workflow', 'f/W', 'f', 'W', 't', 'f/w', 'changed', 'json', 0, 0, 2, 1, 'Anna', 0, 3, 1, '', '');
INSERT INTO object_drafts (object, text) VALUES (7, '{}');
INSERT INTO object_versions (id, object, name, controller, event, version, format, digest, signer, time, account, reason, deployment, text)
  VALUES (3, 7, '', 'c', 1, '1', 'json', 'd', 's', 1, 'Anna', 'r', 'cmd', '{"a":1}');
INSERT INTO object_deployments (object, controller, version) VALUES (7, 'c', 3);
INSERT INTO deployments (controller, id, time, reason) VALUES ('c', 'cmd', 1, 'r');
INSERT INTO object_references (object, kind, path, "user") VALUES (7, 'AgentRef', 'a', 'f/W');
INSERT INTO folders (path, parent, name, objects, changed) VALUES ('', '/', '', 1, 1), ('f', '', 'f', 1, 1);
INSERT INTO object_pieces (object, names, texts) VALUES (7, '{448600842698871}', '{}');
INSERT INTO bulletins (kind, id, version, text) VALUES ('CRL', 'i', '1', 't');
INSERT INTO enrolments (hash, role, name, hosts, controller, authority, made_by, made_at, expires_at, used_at) VALUES ('\x01', 'agent', 'a', '[]', 'c', '\x02', 'Anna', 1, 2, 0);
INSERT INTO installation (name, value) VALUES ('security-level', 'low');
INSERT INTO account_keys (account, kind, key_id, signer, certificates, expires_at, origin, made_at, sealed) VALUES ('Anna', 'X509', 'k', 's', 'c', 2, 'generated', 1, '\x0001ff');
INSERT INTO passkeys (id, account, name, public_key, rp_id, origin, backup_eligible, made_at, last_used_at) VALUES ('\x00ff', 'Anna', 'n', '\xff', 'h', 'https://h', 0, 1, 2);
INSERT INTO deployment_log (controller, command, event, time, account, method, reason, release_name, release_serial, release_author, release_digest, evidence, signers, added, changed, withdrawn)
  VALUES ('c', 'cmd', 1, 1, 'Anna', 'password', 'r', 'n', 1, 'a', 'd', '[]', '["s"]', 1, 0, 0);
INSERT INTO deployment_objects (deployment, event, kind, path, object, version, version_id, digest, signer, evidence, previous, change) VALUES (1, 1, 'Workflow', 'f/W', 7, 3, '1', 'd', 's', '{}', 0, 'added');
INSERT INTO pending_releases (controller, name, author, reason, digest, objects, made_at, expires_at, signatures, body) VALUES ('c', 'n', 'a', 'r', 'd', 1, 1, 2, '[]', '\x00ff');
