/** As `schema.prisma` has them. The unique key is what makes a repeated request harmless in SQL. */
export const tables = [
  `CREATE TABLE IF NOT EXISTS stock (
    sku VARCHAR(64) NOT NULL PRIMARY KEY,
    available INT NOT NULL,
    held INT NOT NULL DEFAULT 0
  ) ENGINE = InnoDB DEFAULT CHARACTER SET ascii`,
  `CREATE TABLE IF NOT EXISTS reservations (
    id CHAR(36) CHARACTER SET ascii NOT NULL PRIMARY KEY,
    idempotency_key VARCHAR(255) CHARACTER SET ascii NOT NULL,
    customer_id VARCHAR(128) NOT NULL,
    order_id VARCHAR(128) NULL,
    \`lines\` JSON NOT NULL,
    created_at DATETIME(3) NOT NULL,
    expires_at DATETIME(3) NOT NULL,
    UNIQUE KEY (idempotency_key)
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4`,
]

/** Connections of a pool: more of them only wait for the one hot row. */
export const connectionsMax = 16
