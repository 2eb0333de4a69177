-- API keys, and who made the changes of stock that are in the ledger. A table of its own for the
-- latter: the ledger is large, and nearly all of its entries are of shoppers.

CREATE TABLE IF NOT EXISTS api_keys (
  name       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sha256     CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  store      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  scopes     VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  expires_at DATETIME(3) NULL,
  revoked_at DATETIME(3) NULL,
  PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS ledger_actors (
  store_id SMALLINT UNSIGNED NOT NULL,
  epoch    INT UNSIGNED NOT NULL,
  sequence BIGINT UNSIGNED NOT NULL,
  actor    VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (store_id, epoch, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
