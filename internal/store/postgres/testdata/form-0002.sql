INSERT INTO accounts (name, folded, role, password_hash, disabled, created_at) VALUES ('Anna', 'anna', 'administrator', 'h', 0, 1);
INSERT INTO sessions (hash, account, method, certificate, created_at, last_used, expires_at) VALUES ('\x0100ff', 'Anna', 'password', '', 1, 1, 2);
INSERT INTO audit (time, account, method, address, action, controller, objects, reason, result) VALUES (1, 'Anna', 'password', '127.0.0.1', 'init', '', '["Order:O"]', '\x7200ff', 'done');
INSERT INTO positions (controller, event) VALUES ('c', 9007199254740992);
INSERT INTO orders (controller, id, root, run, workflow, version, state, ended, successful, gone, ended_at, since, step, label, job, body) VALUES ('c', 'O', 'O', 1, 'W', '1', 'Finished', 1, 1, 0, 7, 7, 0, 'l', 'j', '\x00ff');
INSERT INTO steps (controller, event, order_id, root, run, workflow, version, position, label, job, agent, task, start_ms, try, attempt, end_ms, outcome, return_code, ended_here, log_state, log_created, log_bytes, log_chunks, log_retry, log_problem)
  VALUES ('c', 1000, '\x4f7c7800', 'O', 1, 'W', '1', '[0]', 'l', 'j', 'a', 't', 1, 1, 1, 2, '{}', NULL, 3, 2, 1, 3, 1, 0, 'p');
INSERT INTO log_chunks (event, controller, nr, data) VALUES (1000, 'c', 0, '\x0001ff');
INSERT INTO lease (id, holder, reader, term, until_ms) VALUES (1, 'c', 'c', 1, 0);
