import { setTimeout as delay } from 'node:timers/promises'
import { formatLines, type Line, parseLines } from '../domain/reservation.js'
import type { Database } from '../ledger/database.js'
import type { Customer, SaleItem } from './sale-plan.js'
import type { Leaving } from './sale-progress.js'

/** What the checkout below does, for people. */
export const naiveCheckout =
  'reads the count, takes the payment if the count is enough, then writes the order and lowers the count'

/** A machine under load takes its time, and Prisma's own 2 s would end the sale. */
const connectionWaitMsMax = 30_000

/**
 * A store with the checkout that many stores have, on MySQL through Prisma. Nothing is slowed down
 * or lined up: what goes wrong here goes wrong because a payment takes time and others read meanwhile.
 */
export class NaiveStore {
  private readonly items: string
  private readonly orders: string

  /** @param tablePrefix of tables that are this sale's alone. */
  constructor(
    private readonly database: Database,
    tablePrefix: string,
  ) {
    this.items = `${tablePrefix}_items`
    this.orders = `${tablePrefix}_orders`
  }

  async open(items: readonly SaleItem[]): Promise<void> {
    await this.database.$executeRawUnsafe(
      `CREATE TABLE ${this.items} (sku VARCHAR(64) PRIMARY KEY, units INT NOT NULL) ENGINE = InnoDB`,
    )
    await this.database.$executeRawUnsafe(
      `CREATE TABLE ${this.orders} (
        number INT UNSIGNED PRIMARY KEY AUTO_INCREMENT,
        order_id VARCHAR(64) NOT NULL UNIQUE,
        customer_id VARCHAR(64) NOT NULL,
        cart TEXT NOT NULL
      ) ENGINE = InnoDB`,
    )
    for (const { sku, units } of items) {
      await this.database.$executeRawUnsafe(`INSERT INTO ${this.items} VALUES (?, ?)`, sku, units)
    }
  }

  /** Drops what `open` made. */
  async close(): Promise<void> {
    await this.database.$executeRawUnsafe(`DROP TABLE IF EXISTS ${this.items}, ${this.orders}`)
  }

  async checkOut(customer: Customer): Promise<Leaving> {
    const counts = await this.readCounts(customer.cart.map((line) => line.sku))
    if (customer.cart.some((line) => (counts.get(line.sku) ?? 0) < line.quantity)) return 'sold-out'
    if (!customer.pays) return 'unpaid'
    await delay(customer.paymentMs)
    const order = this.database.$executeRawUnsafe(
      `INSERT INTO ${this.orders} (order_id, customer_id, cart) VALUES (?, ?, ?)`,
      customer.orderId,
      customer.id,
      formatLines(customer.cart),
    )
    const lowering = customer.cart.map((line) =>
      this.database.$executeRawUnsafe(
        `UPDATE ${this.items} SET units = units - ? WHERE sku = ?`,
        line.quantity,
        line.sku,
      ),
    )
    await this.database.$transaction([order, ...lowering], { maxWait: connectionWaitMsMax })
    return 'ordered'
  }

  /** The count of each SKU, or of those named. */
  async readCounts(skus?: readonly string[]): Promise<Map<string, number>> {
    const where = skus ? `WHERE sku IN (${skus.map(() => '?').join(', ')})` : ''
    const rows = await this.database.$queryRawUnsafe<{ sku: string; units: number }[]>(
      `SELECT sku, units FROM ${this.items} ${where}`,
      ...(skus ?? []),
    )
    return new Map(rows.map(({ sku, units }) => [sku, Number(units)]))
  }

  /** The carts of the orders taken, the earliest first. */
  async readOrders(): Promise<Line[][]> {
    const rows = await this.database.$queryRawUnsafe<{ cart: string }[]>(
      `SELECT cart FROM ${this.orders} ORDER BY number`,
    )
    return rows.map(({ cart }) => parseLines(cart) ?? [])
  }
}
