CREATE TABLE passkeys (
  id              bytea NOT NULL PRIMARY KEY,
  account         bytea NOT NULL,
  name            bytea NOT NULL,
  public_key      bytea NOT NULL,
  rp_id           bytea NOT NULL,
  origin          bytea NOT NULL,
  backup_eligible bigint NOT NULL,
  made_at         bigint NOT NULL
);
CREATE INDEX passkeys_account ON passkeys (account, made_at);
