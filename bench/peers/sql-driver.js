import { createPool } from 'mariadb'
import { answerShort, newReservation, ShortError, sorted } from './reservation.js'
import { connectionsMax, tables } from './sql-tables.js'

const insert = `INSERT INTO reservations (id, idempotency_key, customer_id, order_id, \`lines\`, created_at, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?)`
const take = 'UPDATE stock SET available = available - ?, held = held + ? WHERE sku = ? AND available >= ?'

/**
 * The fastest SQL we know. INSERT goes first, so that the hot row is locked for the shortest time,
 * and BEGIN, INSERT and UPDATE leave in one write; COMMIT waits for what UPDATE found.
 */
export async function open({ databaseUrl }) {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl)
  const pool = createPool({
    host: hostname,
    port: Number(port),
    user: username,
    password,
    database: pathname.slice(1),
    connectionLimit: connectionsMax,
    acquireTimeout: 30_000,
    pipelining: true,
    timezone: 'Z',
  })
  for (const table of tables) await pool.query(table)

  const reserve = (request, key) =>
    answerShort(async () => {
      const reservation = newReservation(request)
      const { id, customerId, orderId = null, createdAt, expiresAt } = reservation
      const lines = sorted(request.lines)
      const values = [
        id,
        key,
        customerId,
        orderId,
        JSON.stringify(lines),
        new Date(createdAt),
        new Date(expiresAt),
      ]
      const connection = await pool.getConnection()
      try {
        const results = await Promise.all([
          connection.query('BEGIN'),
          connection.execute(insert, values),
          ...lines.map(({ sku, quantity }) => connection.execute(take, [quantity, quantity, sku, quantity])),
        ])
        const short = lines.find((_line, i) => results[i + 2].affectedRows === 0)
        if (short) throw new ShortError(short, await available(short.sku, connection))
        await connection.query('COMMIT')
        return reservation
      } catch (error) {
        await connection.query('ROLLBACK')
        throw error
      } finally {
        await connection.release()
      }
    })

  const available = async (sku, connection = pool) => {
    const [row] = await connection.query('SELECT available FROM stock WHERE sku = ?', [sku])
    return row?.available ?? 0
  }

  return {
    reserve,
    available,
    setStock: async (sku, units) => {
      await pool.query('REPLACE INTO stock (sku, available) VALUES (?, ?)', [sku, units])
    },
    close: () => pool.end(),
  }
}
