-- The first schema. Plain SQL for MySQL 8 and MariaDB 10.11 and newer. IF NOT EXISTS makes the
-- file safe to run again after a crash in its middle, because DDL commits by itself on MySQL.

CREATE TABLE IF NOT EXISTS stores (
  id         SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT,
  name       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch      INT UNSIGNED NOT NULL DEFAULT 0,
  sequence   BIGINT UNSIGNED NOT NULL DEFAULT 0,
  server     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
  generation INT UNSIGNED NOT NULL DEFAULT 0,
  opened     BOOLEAN NOT NULL DEFAULT FALSE,
  updated_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (id),
  UNIQUE KEY stores_name_key (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS stock (
  store_id  SMALLINT UNSIGNED NOT NULL,
  sku       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  available BIGINT UNSIGNED NOT NULL,
  held      BIGINT UNSIGNED NOT NULL,
  sold      BIGINT UNSIGNED NOT NULL,
  epoch     INT UNSIGNED NOT NULL,
  sequence  BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (store_id, sku)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS reservations (
  store_id        SMALLINT UNSIGNED NOT NULL,
  id              CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  state           ENUM ('held', 'confirmed', 'released', 'expired') NOT NULL,
  customer_id     VARCHAR(128) COLLATE utf8mb4_bin NOT NULL,
  order_id        VARCHAR(128) COLLATE utf8mb4_bin NULL,
  `lines`         TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  ttl_seconds     INT UNSIGNED NOT NULL,
  idempotency_key VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  payment_ref     VARCHAR(128) COLLATE utf8mb4_bin NULL,
  reacquired      BOOLEAN NOT NULL DEFAULT FALSE,
  created_at      DATETIME(3) NOT NULL,
  expires_at      DATETIME(3) NOT NULL,
  closed_at       DATETIME(3) NULL,
  epoch           INT UNSIGNED NOT NULL,
  sequence        BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (store_id, id),
  KEY reservations_by_end (store_id, closed_at, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS ledger (
  store_id        SMALLINT UNSIGNED NOT NULL,
  epoch           INT UNSIGNED NOT NULL,
  sequence        BIGINT UNSIGNED NOT NULL,
  line            TINYINT UNSIGNED NOT NULL,
  kind            ENUM ('reserve', 'confirm', 'reacquire', 'release', 'expire', 'extend', 'set', 'adjust', 'correct') NOT NULL,
  occurred_at     DATETIME(3) NOT NULL,
  reservation_id  CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL,
  sku             VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  quantity        BIGINT NOT NULL,
  available       BIGINT UNSIGNED NOT NULL,
  held            BIGINT UNSIGNED NOT NULL,
  sold            BIGINT UNSIGNED NOT NULL,
  reason          VARCHAR(255) COLLATE utf8mb4_bin NULL,
  PRIMARY KEY (store_id, epoch, sequence, line),
  KEY ledger_by_sku (store_id, sku, epoch, sequence, kind, quantity),
  KEY ledger_by_reservation (store_id, reservation_id, epoch, sequence)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS adjustment_keys (
  store_id        SMALLINT UNSIGNED NOT NULL,
  idempotency_key VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  sku             VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  quantity        BIGINT NOT NULL,
  reason          VARCHAR(255) COLLATE utf8mb4_bin NULL,
  occurred_at     DATETIME(3) NOT NULL,
  PRIMARY KEY (store_id, idempotency_key),
  KEY adjustment_keys_by_time (store_id, occurred_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;

CREATE TABLE IF NOT EXISTS reconciliations (
  id                   INT UNSIGNED NOT NULL AUTO_INCREMENT,
  store_id             SMALLINT UNSIGNED NOT NULL,
  epoch                INT UNSIGNED NOT NULL,
  sequence             BIGINT UNSIGNED NOT NULL,
  started_at           DATETIME(3) NOT NULL,
  took_ms              INT UNSIGNED NOT NULL,
  repair               BOOLEAN NOT NULL,
  skus_checked         INT UNSIGNED NOT NULL,
  reservations_checked INT UNSIGNED NOT NULL,
  drifted_total        INT UNSIGNED NOT NULL,
  repaired             INT UNSIGNED NOT NULL,
  drifted              MEDIUMTEXT COLLATE utf8mb4_bin NOT NULL,
  PRIMARY KEY (id),
  KEY reconciliations_by_store (store_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4;
