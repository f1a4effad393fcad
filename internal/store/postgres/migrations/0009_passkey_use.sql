ALTER TABLE passkeys ADD COLUMN last_used_at bigint NOT NULL DEFAULT 0;
