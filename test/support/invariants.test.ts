import { beforeAll, describe, expect, test } from 'vitest'
import type { Reservation } from '../../src/domain/reservation.js'
import { openBriefStore } from './brief-store.js'
import { expectInvariants, findBroken, type InvariantName, invariantNames, readStore } from './invariants.js'
import { Shopper } from './shopper.js'
import { eventually, type TestStore } from './test-store.js'

/** A way to damage the store behind the service, and the invariants that must notice. */
interface Damage {
  title: string
  invariants: InvariantName[]
  redis?: (around: Around) => Promise<unknown>
  sql?: (around: Around) => string
}

interface Around {
  store: TestStore
  held: Reservation
  confirmed: Reservation
  expired: Reservation
}

const damages: Damage[] = [
  {
    title: 'a negative count in Redis',
    invariants: [
      'no count is negative',
      'units come and go by stock entries alone',
      'the stock in Redis is the stock in MySQL',
    ],
    redis: ({ store }) => store.redis.hset(store.keys.stock, 'CUP', '-1 2 3'),
  },
  {
    title: 'a unit from nowhere in Redis',
    invariants: ['units come and go by stock entries alone', 'the stock in Redis is the stock in MySQL'],
    redis: async ({ store }) => store.redis.hset(store.keys.stock, 'PLATE', '101 0 0'),
  },
  {
    title: 'a unit that moved from held to available by itself in Redis',
    invariants: ['held units are those of held reservations', 'the stock in Redis is the stock in MySQL'],
    redis: async ({ store }) => {
      const [a, h, s] = ((await store.redis.hget(store.keys.stock, 'CUP')) as string).split(' ').map(Number)
      return store.redis.hset(store.keys.stock, 'CUP', `${Number(a) + 1} ${Number(h) - 1} ${s}`)
    },
  },
  {
    title: 'a unit that moved from sold to available by itself in Redis',
    invariants: [
      'sold units are those of confirmed reservations',
      'the stock in Redis is the stock in MySQL',
    ],
    redis: async ({ store }) => {
      const [a, h, s] = ((await store.redis.hget(store.keys.stock, 'CUP')) as string).split(' ').map(Number)
      return store.redis.hset(store.keys.stock, 'CUP', `${Number(a) + 1} ${h} ${Number(s) - 1}`)
    },
  },
  {
    title: 'a held reservation without a deadline',
    invariants: ['the deadlines are those of held reservations'],
    redis: ({ store, held }) => store.redis.zrem(store.keys.deadlines, held.id),
  },
  {
    title: 'a deadline that is not the one in the record',
    invariants: ['the deadlines are those of held reservations'],
    redis: ({ store, held }) => store.redis.zadd(store.keys.deadlines, held.expiresAtMs + 1, held.id),
  },
  {
    title: 'the deadline of an ended reservation',
    invariants: ['the deadlines are those of held reservations'],
    redis: ({ store, confirmed }) =>
      store.redis.zadd(store.keys.deadlines, confirmed.expiresAtMs, confirmed.id),
  },
  {
    title: 'an ended reservation that is not among the finished',
    invariants: ['the finished are the ended reservations'],
    redis: ({ store, confirmed }) => store.redis.zrem(store.keys.finished, confirmed.id),
  },
  {
    title: 'a SKU that is not listed',
    invariants: ['every SKU is listed'],
    redis: ({ store }) => store.redis.zrem(store.keys.skus, 'CUP'),
  },
  {
    title: 'a lost idempotency key',
    invariants: ['an idempotency key has one reservation'],
    redis: ({ store }) => store.redis.hdel(store.keys.keys, 'order-1'),
  },
  {
    title: 'a lost ended reservation',
    invariants: [
      'an idempotency key has one reservation',
      'only what ended long ago has left Redis',
      'the finished are the ended reservations',
    ],
    redis: ({ store, confirmed }) => store.redis.hdel(store.keys.reservations, confirmed.id),
  },
  {
    title: 'a lost held reservation',
    invariants: ['only what ended long ago has left Redis', 'the deadlines are those of held reservations'],
    redis: ({ store, held }) => store.redis.hdel(store.keys.reservations, held.id),
  },
  {
    title: 'a reservation that MySQL holds in another state',
    invariants: [
      'a reservation ends once',
      'held units are those of held reservations',
      'the reservations in Redis are those in MySQL',
      'the times in Redis are those in MySQL and of the entries',
    ],
    sql: ({ held }) => `UPDATE reservations SET state = 'released', closed_at = expires_at - INTERVAL 1 SECOND
      WHERE id = '${held.id}'`,
  },
  {
    title: 'a reservation that MySQL lacks',
    invariants: ['the reservations in Redis are those in MySQL'],
    sql: ({ confirmed }) => `DELETE FROM reservations WHERE id = '${confirmed.id}'`,
  },
  {
    title: 'a time that differs in MySQL',
    invariants: ['the times in Redis are those in MySQL and of the entries'],
    sql: ({ held }) =>
      `UPDATE reservations SET expires_at = expires_at + INTERVAL 1 SECOND WHERE id = '${held.id}'`,
  },
  {
    title: 'a payment after the deadline',
    invariants: ['a payment comes before the deadline and an expiry does not'],
    sql: ({ confirmed }) => `UPDATE reservations SET expires_at = closed_at WHERE id = '${confirmed.id}'`,
  },
  {
    title: 'an expiry before the deadline',
    invariants: ['a payment comes before the deadline and an expiry does not'],
    sql: ({ expired }) =>
      `UPDATE reservations SET expires_at = closed_at + INTERVAL 1 SECOND WHERE id = '${expired.id}'`,
  },
  {
    title: 'a reservation that ended twice',
    invariants: ['a reservation ends once'],
    sql: ({ expired }) =>
      `UPDATE ledger SET kind = 'release' WHERE kind = 'extend' AND reservation_id = '${expired.id}'`,
  },
  {
    title: 'an entry that moves other units than the reservation has',
    invariants: [
      'a reservation moves its own units',
      'each ledger line tells the counts right after it',
      'the stock in MySQL is the fold of the ledger',
    ],
    sql: ({ held }) => `UPDATE ledger SET quantity = quantity + 1 WHERE reservation_id = '${held.id}'`,
  },
  {
    title: 'a lost ledger entry',
    invariants: ['the ledger is dense'],
    sql: ({ store }) =>
      `DELETE FROM ledger WHERE sequence = 2 AND store_id = (SELECT id FROM stores WHERE name = '${store.name}')`,
  },
  {
    title: 'a lost line of a ledger entry',
    invariants: ['a reservation moves its own units', 'the ledger is dense'],
    sql: ({ held }) => `DELETE FROM ledger WHERE line = 0 AND reservation_id = '${held.id}'`,
  },
  {
    title: 'the loss of the newest ledger entry',
    invariants: ['the ledger is dense'],
    sql: () => 'DELETE FROM ledger ORDER BY sequence DESC LIMIT 1',
  },
  {
    title: 'counts in a ledger line that are not the sum',
    invariants: ['each ledger line tells the counts right after it'],
    sql: () => 'UPDATE ledger SET available = available + 1 WHERE sequence = 2',
  },
  {
    title: 'counts in MySQL that are not the fold',
    invariants: ['the stock in MySQL is the fold of the ledger', 'the stock in Redis is the stock in MySQL'],
    sql: () => "UPDATE stock SET available = available + 1 WHERE sku = 'PLATE'",
  },
]

describe('the invariants that the tests assert', () => {
  let store: TestStore
  let around: Around

  beforeAll(async () => {
    store = await openBriefStore()
    const api = await store.api()
    const worker = await store.worker({ sweepMs: 100 })
    const shopper = new Shopper(api.app)
    for (const sku of ['PLATE', 'CUP', 'SAUCER']) await shopper.set(sku, 100)
    const cup = { sku: 'CUP', quantity: 2 }
    const ids: string[] = []
    for (const [cart, key] of [
      [{ lines: [cup, { sku: 'SAUCER', quantity: 1 }] }, undefined],
      [{ lines: [cup] }, 'order-1'],
      [{ lines: [cup], ttlSeconds: 1 }, undefined],
    ] as const) {
      const { status, body } = await shopper.reserve({ ...cart, lines: [...cart.lines] }, key)
      expect(status).toBe(201)
      ids.push(body.id)
    }
    const [heldId, confirmedId, expiredId] = ids as [string, string, string]
    await shopper.extend(expiredId, 2)
    await shopper.confirm(confirmedId)
    await shopper.adjust('CUP', 7)
    await eventually(async () => (await shopper.read(expiredId)).body.state === 'expired', 'it has expired')
    const { redis } = await expectInvariants(store)
    await worker.stop()
    const record = (id: string) => redis.reservations.get(id) as Reservation
    around = { store, held: record(heldId), confirmed: record(confirmedId), expired: record(expiredId) }
  })

  test.each(damages)('notice $title', async ({ invariants, redis, sql }) => {
    const undo = await keepCopy(store)
    try {
      await redis?.(around)
      if (sql) {
        const changed = await store.database.$executeRawUnsafe(sql(around))
        expect(changed, 'rows changed by the damage').toBeGreaterThan(0)
      }
      const broken = findBroken(await readStore(store)).map(({ invariant }) => invariant)
      expect(broken).toEqual(expect.arrayContaining(invariants))
    } finally {
      await undo()
    }
    await expectInvariants(store)
  })

  test('each notice at least one of these damages', () => {
    const noticed = new Set(damages.flatMap((damage) => damage.invariants))
    expect([...noticed].sort()).toEqual([...invariantNames].sort())
  })
})

/** @returns what puts the store back as it is now. */
async function keepCopy({ redis, keys, database }: TestStore): Promise<() => Promise<void>> {
  const names = [keys.stock, keys.skus, keys.reservations, keys.deadlines, keys.finished, keys.keys]
  const dumps = await Promise.all(names.map((name) => redis.dumpBuffer(name)))
  const tables = ['stock', 'reservations', 'ledger']
  for (const table of tables) {
    await database.$executeRawUnsafe(`CREATE TABLE ${table}_copy AS SELECT * FROM ${table}`)
  }
  return async () => {
    for (const [i, name] of names.entries()) {
      await redis.restore(name, 0, dumps[i] as Buffer, 'REPLACE')
    }
    for (const table of tables) {
      await database.$executeRawUnsafe(`DELETE FROM ${table}`)
      await database.$executeRawUnsafe(`INSERT INTO ${table} SELECT * FROM ${table}_copy`)
      await database.$executeRawUnsafe(`DROP TABLE ${table}_copy`)
    }
  }
}
