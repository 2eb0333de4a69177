-- Ledger entries that the writer could not read, and those set aside behind them.

CREATE TABLE IF NOT EXISTS quarantine (
  store_id       SMALLINT UNSIGNED NOT NULL,
  epoch          INT UNSIGNED NOT NULL,
  sequence       BIGINT UNSIGNED NOT NULL,
  first_sequence BIGINT UNSIGNED NOT NULL,
  state          ENUM ('malformed', 'waiting', 'discarded', 'settled') NOT NULL,
  skus           TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  record         MEDIUMTEXT COLLATE utf8mb4_bin NOT NULL,
  set_aside_at   DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  discarded_at   DATETIME(3) NULL,
  discarded_by   VARCHAR(128) COLLATE utf8mb4_bin NULL,
  reason         VARCHAR(255) COLLATE utf8mb4_bin NULL,
  PRIMARY KEY (store_id, epoch, sequence),
  KEY quarantine_by_state (store_id, state, epoch, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS quarantined_skus (
  store_id SMALLINT UNSIGNED NOT NULL,
  sku      VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (store_id, sku)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
