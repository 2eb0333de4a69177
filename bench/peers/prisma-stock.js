import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaClient } from './node_modules/.peers-prisma/index.js'
import { connectionsMax, tables } from './sql-tables.js'

/** Interactive transactions wait for their turn at the hot row rather than fail. */
const patience = { maxWait: 30_000, timeout: 30_000 }

/** Opens Prisma on the peers' tables; the two Prisma peers differ in their transactions. */
export async function openPrismaStock(databaseUrl) {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl)
  const adapter = new PrismaMariaDb({
    host: hostname,
    port: Number(port),
    user: username,
    password,
    database: pathname.slice(1),
    connectionLimit: connectionsMax,
    acquireTimeout: 30_000,
  })
  const prisma = new PrismaClient({ adapter, transactionOptions: patience })
  for (const table of tables) await prisma.$executeRawUnsafe(table)
  return {
    prisma,
    available: async (sku) => (await prisma.stock.findUnique({ where: { sku } }))?.available ?? 0,
    setStock: async (sku, units) => {
      const counts = { available: units, held: 0 }
      await prisma.stock.upsert({ where: { sku }, create: { sku, ...counts }, update: counts })
    },
    close: () => prisma.$disconnect(),
  }
}

/** The row of a reservation. */
export function rowOf(reservation, key) {
  const { id, customerId, orderId = null, lines, createdAt, expiresAt } = reservation
  return { id, idempotencyKey: key, customerId, orderId, lines, createdAt, expiresAt }
}
