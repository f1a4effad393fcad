CREATE TABLE installation (
  name  bytea NOT NULL PRIMARY KEY,
  value bytea NOT NULL
);

CREATE TABLE account_keys (
  account      bytea  NOT NULL PRIMARY KEY,
  kind         bytea  NOT NULL,
  key_id       bytea  NOT NULL,
  signer       bytea  NOT NULL,
  certificates bytea  NOT NULL,
  expires_at   bigint NOT NULL,
  origin       bytea  NOT NULL,
  made_at      bigint NOT NULL,
  sealed       bytea  NOT NULL
);
