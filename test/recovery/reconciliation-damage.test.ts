import { beforeAll, describe, expect, test } from 'vitest'
import type { Drift } from '../../src/domain/reconciliation.js'
import type { Reservation } from '../../src/domain/reservation.js'
import type { ReservationOn } from '../../src/stock/gate.js'
import { StoreCorrections } from '../../src/stock/store-corrections.js'
import { StoreSurvey } from '../../src/stock/store-survey.js'
import { openReconciledStore, type ReconciledStore } from './reconciliation-store.js'

let store: ReconciledStore
let nextSku = 0

beforeAll(async () => {
  store = await openReconciledStore()
})

interface Subject {
  sku: string
  /** Held with 3 units. */
  open: Reservation
  /** Confirmed with 2 units. */
  paid: Reservation
}

/** A SKU with 20 units, 3 of them held and 2 sold, known to MySQL. */
async function prepare(): Promise<Subject> {
  const sku = `sku-${nextSku++}`
  const { gate } = store.services
  await gate.setStock(sku, 20)
  const request = { customerId: 'c', orderId: undefined, ttlSeconds: 900, lines: [{ sku, quantity: 3 }] }
  const { reservation: open } = (await gate.reserve(request, `key-${sku}`)) as ReservationOn
  const { id } = await store.hold(sku, 2)
  const { reservation: paid } = (await gate.confirm(id, 'pay-1', 'refuse')) as ReservationOn
  await store.caughtUp()
  return { sku, open, paid }
}

const setCounts = ({ sku }: Subject, counts: string) => store.redis.hset(store.keys.stock, sku, counts)

async function editRecord(id: string, from: string, to: string): Promise<void> {
  const record = (await store.redis.hget(store.keys.reservations, id)) as string
  expect(record).toContain(from)
  await store.redis.hset(store.keys.reservations, id, record.replace(from, to))
}

const sql = (statement: string, ...values: (string | number)[]) =>
  store.database.$executeRawUnsafe(statement, ...values)

type Expected = Partial<Drift>

const redisChanged = /^Redis' counts were changed outside Holdfast/
const rowChanged = /^MySQL's stock row was changed outside Holdfast/

interface Damage {
  name: string
  /** What is broken; it may make a legitimate change after it. */
  inflict(subject: Subject): Promise<unknown>
  finds(subject: Subject): Expected[]
  cause: RegExp
  /** Whose correction stands in the ledger. */
  corrected: 'sku' | 'open' | 'paid' | 'nobody'
}

const about = (subject: Subject, drift: Expected): Expected => ({ sku: subject.sku, ...drift })
const aboutOpen = (subject: Subject, drift: Expected): Expected => ({
  reservationId: subject.open.id,
  ...drift,
})

const damages: Damage[] = [
  {
    name: 'a count edited in Redis',
    inflict: (subject) => setCounts(subject, '18 3 2'),
    finds: (s) => [about(s, { field: 'available', redis: 18, mysql: 15, expected: 15 })],
    cause: redisChanged,
    corrected: 'sku',
  },
  {
    name: 'a count edited in Redis and carried into MySQL by a later entry',
    inflict: async (subject) => {
      await setCounts(subject, '18 3 2')
      await store.services.gate.adjustStock(subject.sku, -1, 'sample', undefined)
    },
    finds: (s) => [about(s, { field: 'available', redis: 17, mysql: 17, expected: 14 })],
    cause: /^Redis' counts were changed outside Holdfast between the entries 1-\d+ and 1-\d+\.$/,
    corrected: 'sku',
  },
  {
    name: 'all three counts edited in Redis',
    inflict: (subject) => setCounts(subject, '0 1 50'),
    finds: (s) => [
      about(s, { field: 'available', redis: 0, mysql: 15, expected: 15 }),
      about(s, { field: 'held', redis: 1, mysql: 3, expected: 3 }),
      about(s, { field: 'sold', redis: 50, mysql: 2, expected: 2 }),
    ],
    cause: redisChanged,
    corrected: 'sku',
  },
  {
    name: 'counts in Redis overwritten by what cannot be read',
    inflict: (subject) => setCounts(subject, '-5 3 2'),
    finds: (s) => [about(s, { field: 'counts', redis: '-5 3 2', mysql: '15 3 2', expected: '15 3 2' })],
    cause: /overwritten outside Holdfast/,
    corrected: 'sku',
  },
  {
    name: 'counts deleted from Redis',
    inflict: ({ sku }) => store.redis.hdel(store.keys.stock, sku),
    finds: (s) => [about(s, { field: 'counts', redis: null, mysql: '15 3 2', expected: '15 3 2' })],
    cause: /deleted from Redis outside Holdfast/,
    corrected: 'sku',
  },
  {
    name: 'a SKU taken from the list of SKUs',
    inflict: ({ sku }) => store.redis.zrem(store.keys.skus, sku),
    finds: (s) => [about(s, { field: 'listed', redis: 'missing', expected: 'listed' })],
    cause: /taken from the list of SKUs/,
    corrected: 'sku',
  },
  {
    name: "MySQL's stock row edited",
    inflict: ({ sku }) => sql('UPDATE stock SET available = 99 WHERE sku = ?', sku),
    finds: (s) => [about(s, { field: 'available', redis: 15, mysql: 99, expected: 15 })],
    cause: rowChanged,
    corrected: 'sku',
  },
  {
    name: "MySQL's stock row edited in what is held",
    inflict: ({ sku }) => sql('UPDATE stock SET held = 0 WHERE sku = ?', sku),
    finds: (s) => [about(s, { field: 'held', redis: 3, mysql: 0, expected: 3 })],
    cause: rowChanged,
    corrected: 'sku',
  },
  {
    name: "MySQL's stock row deleted",
    inflict: ({ sku }) => sql('DELETE FROM stock WHERE sku = ?', sku),
    finds: (s) => [about(s, { field: 'counts', redis: '15 3 2', mysql: null, expected: '15 3 2' })],
    cause: /stock row was deleted/,
    corrected: 'sku',
  },
  {
    name: 'the counts in the newest ledger line edited',
    inflict: ({ sku }) =>
      sql('UPDATE ledger SET available = 77 WHERE sku = ? ORDER BY sequence DESC LIMIT 1', sku),
    finds: (s) => [about(s, { field: 'available', redis: 15, mysql: 15, expected: 15 })],
    cause: /^The counts in the ledger line at 1-\d+ were changed outside Holdfast\.$/,
    corrected: 'sku',
  },
  {
    name: "the quantity in a reservation's ledger line edited",
    inflict: ({ open }) => sql('UPDATE ledger SET quantity = 4 WHERE reservation_id = ?', open.id),
    finds: (s) => [
      about(s, { field: 'available', redis: 15, mysql: 15, expected: 15 }),
      about(s, { field: 'held', redis: 3, mysql: 3, expected: 3 }),
    ],
    cause: /it moves 4 units, its reservation has 3\.$/,
    corrected: 'sku',
  },
  {
    name: "the kind of a hold's ledger line edited",
    inflict: ({ open }) => sql("UPDATE ledger SET kind = 'release' WHERE reservation_id = ?", open.id),
    finds: (s) => [
      about(s, { field: 'available', redis: 15, mysql: 15, expected: 15 }),
      about(s, { field: 'held', redis: 3, mysql: 3, expected: 3 }),
    ],
    cause: /^The kind of the ledger line at 1-\d+ .*it says "release", and its counts are of "reserve"\.$/,
    corrected: 'sku',
  },
  {
    name: "the kind of a payment's ledger line edited into one that could be as well",
    inflict: ({ paid }) =>
      sql("UPDATE ledger SET kind = 'release' WHERE kind = 'confirm' AND reservation_id = ?", paid.id),
    finds: (s) => [
      about(s, { field: 'available', redis: 15, mysql: 15, expected: 15 }),
      about(s, { field: 'sold', redis: 2, mysql: 2, expected: 2 }),
    ],
    cause: /it says "release", and its counts are of "confirm"\.$/,
    corrected: 'sku',
  },
  {
    name: 'the kind of the ledger line of a change of stock edited',
    inflict: ({ sku }) => sql("UPDATE ledger SET kind = 'reserve' WHERE kind = 'set' AND sku = ?", sku),
    finds: (s) => [
      about(s, { field: 'available', redis: 15, mysql: 15, expected: 15 }),
      about(s, { field: 'held', redis: 3, mysql: 3, expected: 3 }),
    ],
    cause: /it says "reserve", and its counts are of "adjust"\.$/,
    corrected: 'sku',
  },
  {
    name: 'counts edited in Redis so that a hold seems to have moved nothing',
    inflict: async (subject) => {
      await setCounts(subject, '16 2 2')
      await store.hold(subject.sku, 1)
    },
    finds: (s) => [
      about(s, { field: 'available', redis: 15, mysql: 15, expected: 14 }),
      about(s, { field: 'held', redis: 3, mysql: 3, expected: 4 }),
    ],
    cause: /^Redis' counts were changed outside Holdfast between the entries 1-\d+ and 1-\d+\.$/,
    corrected: 'sku',
  },
  {
    name: "MySQL's stock row moved ahead of the ledger",
    inflict: ({ sku }) => sql('UPDATE stock SET available = 99, sequence = 1000000 WHERE sku = ?', sku),
    finds: (s) => [about(s, { field: 'row', mysql: '99 3 2' })],
    cause: /which the ledger does not have/,
    corrected: 'sku',
  },
  {
    name: 'the row of a held reservation moved ahead of the ledger',
    inflict: ({ open }) => sql('UPDATE reservations SET sequence = 1000000 WHERE id = ?', open.id),
    finds: (s) => [aboutOpen(s, { field: 'position', mysql: '1-1000000' })],
    cause: /^MySQL's row was changed outside Holdfast\.$/,
    corrected: 'open',
  },
  {
    name: 'the lines in the row of a held reservation overwritten by what cannot be read',
    inflict: ({ open }) => sql("UPDATE reservations SET `lines` = 'none' WHERE id = ?", open.id),
    finds: (s) => [
      aboutOpen(s, { field: 'lines', redis: `${s.sku}:3`, mysql: 'none', expected: `${s.sku}:3` }),
      about(s, { field: 'held', redis: null, mysql: 3, expected: 0 }),
    ],
    cause: /MySQL/,
    corrected: 'open',
  },
  {
    name: 'the record of a held reservation deleted from Redis',
    inflict: ({ open }) => store.redis.hdel(store.keys.reservations, open.id),
    finds: (s) => [aboutOpen(s, { field: 'record', redis: null, mysql: 'held', expected: 'held' })],
    cause: /^The record in Redis was deleted or made unreadable outside Holdfast\.$/,
    corrected: 'open',
  },
  {
    name: 'the record and the deadline of a held reservation deleted from Redis',
    inflict: async ({ open }) => {
      await store.redis.hdel(store.keys.reservations, open.id)
      await store.redis.zrem(store.keys.deadlines, open.id)
    },
    finds: (s) => [aboutOpen(s, { field: 'record', redis: null, mysql: 'held', expected: 'held' })],
    cause: /^The record in Redis was deleted/,
    corrected: 'open',
  },
  {
    name: 'the customer in a record edited in Redis',
    inflict: ({ open }) => editRecord(open.id, '\tc\t', '\tanother\t'),
    finds: (s) => [aboutOpen(s, { field: 'customerId', redis: 'another', mysql: 'c', expected: 'c' })],
    cause: /^The record in Redis was changed outside Holdfast\.$/,
    corrected: 'open',
  },
  {
    name: 'the state in a record edited in Redis',
    inflict: ({ open }) => editRecord(open.id, 'held\t', 'released\t'),
    finds: (s) => [aboutOpen(s, { field: 'state', redis: 'released', mysql: 'held', expected: 'held' })],
    cause: /^The record in Redis was changed/,
    corrected: 'open',
  },
  {
    name: 'a record overwritten in Redis by what cannot be read',
    inflict: ({ open }) => store.redis.hset(store.keys.reservations, open.id, 'garbage'),
    finds: (s) => [aboutOpen(s, { field: 'record', redis: 'garbage', mysql: 'held', expected: 'held' })],
    cause: /^The record in Redis was deleted or made unreadable/,
    corrected: 'open',
  },
  {
    name: 'a deadline removed',
    inflict: ({ open }) => store.redis.zrem(store.keys.deadlines, open.id),
    finds: (s) => [aboutOpen(s, { field: 'deadline', redis: null, expected: String(s.open.expiresAtMs) })],
    cause: /set of deadlines in Redis was changed outside Holdfast/,
    corrected: 'open',
  },
  {
    name: 'a deadline moved',
    inflict: ({ open }) => store.redis.zadd(store.keys.deadlines, open.expiresAtMs + 7_200_000, open.id),
    finds: (s) => [
      aboutOpen(s, {
        field: 'deadline',
        redis: String(s.open.expiresAtMs + 7_200_000),
        expected: String(s.open.expiresAtMs),
      }),
    ],
    cause: /set of deadlines in Redis was changed/,
    corrected: 'open',
  },
  {
    name: 'a held reservation among the ended',
    inflict: ({ open }) => store.redis.zadd(store.keys.finished, open.expiresAtMs, open.id),
    finds: (s) => [aboutOpen(s, { field: 'finished', redis: String(s.open.expiresAtMs), expected: null })],
    cause: /set of ended reservations in Redis was changed/,
    corrected: 'open',
  },
  {
    name: 'a paid reservation with a deadline',
    inflict: ({ paid }) => store.redis.zadd(store.keys.deadlines, paid.expiresAtMs, paid.id),
    finds: ({ paid }) => [
      { reservationId: paid.id, field: 'deadline', redis: String(paid.expiresAtMs), expected: null },
    ],
    cause: /set of deadlines in Redis was changed/,
    corrected: 'paid',
  },
  {
    name: 'the record of a paid reservation deleted from Redis',
    inflict: ({ paid }) => store.redis.hdel(store.keys.reservations, paid.id),
    finds: ({ paid }) => [{ reservationId: paid.id, field: 'record', redis: null, mysql: 'confirmed' }],
    cause: /^The record in Redis was deleted/,
    corrected: 'paid',
  },
  {
    name: 'a reservation written to Redis that the ledger does not have',
    inflict: async ({ open }) => {
      const record = (await store.redis.hget(store.keys.reservations, open.id)) as string
      await store.redis.hset(store.keys.reservations, 'nobody', record)
      await store.redis.zadd(store.keys.deadlines, open.expiresAtMs, 'nobody')
    },
    finds: () => [{ reservationId: 'nobody', field: 'record', redis: 'held', mysql: null, expected: null }],
    cause: /written to Redis outside Holdfast: the ledger has no entry of it/,
    corrected: 'nobody',
  },
  {
    name: 'an idempotency key deleted',
    inflict: ({ sku }) => store.redis.hdel(store.keys.keys, `key-${sku}`),
    finds: (s) => [aboutOpen(s, { field: 'key', redis: null, expected: s.open.id })],
    cause: /idempotency keys in Redis were changed outside Holdfast/,
    corrected: 'open',
  },
  {
    name: 'an idempotency key that leads to another reservation',
    inflict: ({ sku, paid }) => store.redis.hset(store.keys.keys, `key-${sku}`, paid.id),
    finds: (s) => [aboutOpen(s, { field: 'key', redis: s.paid.id, expected: s.open.id })],
    cause: /idempotency keys in Redis were changed outside Holdfast/,
    corrected: 'open',
  },
  {
    name: 'a deadline without a reservation',
    inflict: () => store.redis.zadd(store.keys.deadlines, Date.now() + 3_600_000, 'nobody'),
    finds: () => [{ reservationId: 'nobody', field: 'deadline', expected: null }],
    cause: /points at a reservation that it does not hold/,
    corrected: 'nobody',
  },
  {
    name: 'a deadline without a reservation, and a reservation without a deadline',
    inflict: async ({ open }) => {
      await store.redis.zadd(store.keys.deadlines, Date.now() + 3_600_000, 'nobody')
      await store.redis.zrem(store.keys.deadlines, open.id)
    },
    finds: (s) => [
      aboutOpen(s, { field: 'deadline', redis: null, expected: String(s.open.expiresAtMs) }),
      { reservationId: 'nobody', field: 'deadline', expected: null },
    ],
    cause: /^(The set of deadlines in Redis was changed|Redis points at a reservation that it does not hold)/,
    corrected: 'open',
  },
  {
    name: 'the row of a held reservation deleted from MySQL',
    inflict: ({ open }) => sql('DELETE FROM reservations WHERE id = ?', open.id),
    finds: (s) => [
      aboutOpen(s, { field: 'record', redis: 'held', mysql: null, expected: 'held' }),
      about(s, { field: 'held', redis: null, mysql: 3, expected: 0 }),
    ],
    cause: /MySQL/,
    corrected: 'open',
  },
  {
    name: 'the state in the row of a held reservation edited',
    inflict: ({ open }) => sql("UPDATE reservations SET state = 'released' WHERE id = ?", open.id),
    finds: (s) => [
      aboutOpen(s, { field: 'state', redis: 'held', mysql: 'released', expected: 'held' }),
      about(s, { field: 'held', redis: null, mysql: 3, expected: 0 }),
    ],
    cause: /MySQL/,
    corrected: 'open',
  },
  {
    name: 'the row of a held reservation edited to be a confirmed one without an end',
    inflict: ({ open }) => sql("UPDATE reservations SET state = 'confirmed' WHERE id = ?", open.id),
    finds: (s) => [
      aboutOpen(s, { field: 'state', redis: 'held', mysql: 'confirmed', expected: 'held' }),
      about(s, { field: 'held', redis: null, mysql: 3, expected: 0 }),
      about(s, { field: 'sold', redis: null, mysql: 2, expected: 5 }),
    ],
    cause: /MySQL/,
    corrected: 'open',
  },
  {
    name: 'the row of a paid reservation edited to be a held one with an end',
    inflict: ({ paid }) => sql("UPDATE reservations SET state = 'held' WHERE id = ?", paid.id),
    finds: (s) => [
      { reservationId: s.paid.id, field: 'state', redis: 'confirmed', mysql: 'held', expected: 'confirmed' },
      about(s, { field: 'held', redis: null, mysql: 3, expected: 5 }),
      about(s, { field: 'sold', redis: null, mysql: 2, expected: 0 }),
    ],
    cause: /MySQL/,
    corrected: 'paid',
  },
  {
    name: 'the lines in the row of a held reservation edited',
    inflict: ({ open, sku }) => sql('UPDATE reservations SET `lines` = ? WHERE id = ?', `${sku}:1`, open.id),
    finds: (s) => [
      aboutOpen(s, { field: 'lines', redis: `${s.sku}:3`, mysql: `${s.sku}:1`, expected: `${s.sku}:3` }),
      about(s, { field: 'held', redis: null, mysql: 3, expected: 1 }),
    ],
    cause: /MySQL/,
    corrected: 'open',
  },
]

damages.push({
  name: 'a SKU moved in the list of SKUs',
  inflict: ({ sku }) => store.redis.zadd(store.keys.skus, 3, sku),
  finds: (s) => [about(s, { field: 'listed', redis: 'missing', expected: 'listed' })],
  cause: /list of SKUs/,
  corrected: 'sku',
})

const byField = (a: Expected, b: Expected) => (`${a.sku} ${a.field}` < `${b.sku} ${b.field}` ? -1 : 1)

describe.each(damages)('$name', ({ inflict, finds, cause, corrected }) => {
  test('is named with both values and its cause, repaired by an entry, and gone', async () => {
    const subject = await prepare()
    await inflict(subject)
    await store.caughtUp()
    const positionBefore = await store.services.reader.position()

    const dry = await store.reconcile()
    expect([...dry.drifted].sort(byField)).toEqual(
      finds(subject)
        .sort(byField)
        .map((drift) => expect.objectContaining({ ...drift, repaired: false })),
    )
    for (const drift of dry.drifted) expect(drift.cause).toMatch(cause)
    expect(await store.services.reader.position(), 'a dry run changes nothing').toEqual(positionBefore)

    const repair = await store.reconcile(true)
    expect(repair.repaired, JSON.stringify(repair.drifted)).toBe(repair.driftedTotal)
    expect(repair.repaired).toBeGreaterThan(0)
    expect((await store.reconcile()).drifted).toEqual([])
    expect(await store.redis.hget(store.keys.keys, `key-${subject.sku}`)).toBe(subject.open.id)

    const reasons = await store.corrections(
      corrected === 'sku'
        ? { sku: subject.sku }
        : { reservationId: corrected === 'nobody' ? corrected : subject[corrected].id },
    )
    expect(reasons).toHaveLength(corrected === 'nobody' ? 0 : 1)
    for (const reason of reasons) expect(reason).toMatch(/^reconciliation: at 1-\d+ .*Redis .*MySQL/)
  })
})

test('a correction names the counts before, and its line those after', async () => {
  const subject = await prepare()
  await setCounts(subject, '18 3 2')
  await sql('UPDATE stock SET sold = 9 WHERE sku = ?', subject.sku)
  await store.reconcile(true)
  const [reason] = await store.corrections({ sku: subject.sku })
  expect(reason).toMatch(
    /^reconciliation: at 1-\d+ Redis had 18 3 2, MySQL 15 3 9; before this entry 18 3 2$/,
  )
  const line = await store.database.ledgerLine.findFirst({ where: { kind: 'correct', sku: subject.sku } })
  expect(line).toMatchObject({ quantity: 0n, available: 15n, held: 3n, sold: 2n })
  expect(await store.database.stock.findFirst({ where: { sku: subject.sku } })).toMatchObject({
    available: 15n,
    held: 3n,
    sold: 2n,
  })
  expect((await store.reconcile()).drifted).toEqual([])
})

test('a record that was moved to another id with its key is moved back with it', async () => {
  const { sku, open } = await prepare()
  const { keys, reservations } = store.keys
  const record = (await store.redis.hget(reservations, open.id)) as string
  const stranger = '00000000-0000-7000-8000-000000000000'
  await store.redis.hdel(reservations, open.id)
  await store.redis.hset(reservations, stranger, record)
  await store.redis.hset(keys, `key-${sku}`, stranger)
  const { driftedTotal, repaired } = await store.reconcile(true)
  expect(repaired).toBe(driftedTotal)
  expect((await store.reconcile()).drifted).toEqual([])
  const request = { customerId: 'c', orderId: undefined, ttlSeconds: 900, lines: [{ sku, quantity: 3 }] }
  expect(await store.services.gate.reserve(request, `key-${sku}`)).toMatchObject({
    reservation: { id: open.id },
  })
})

test('a reservation whose id is no text is named', async () => {
  await prepare()
  const id = Buffer.from([0xff, 0xfe])
  await store.redis.hset(store.keys.reservations, id, 'held')
  const { drifted } = await store.reconcile(true)
  expect(drifted).toEqual([
    expect.objectContaining({
      field: 'record',
      cause: expect.stringMatching(/its id is no text/),
      repaired: false,
    }),
  ])
  await store.redis.hdel(store.keys.reservations, id)
  expect((await store.reconcile()).drifted).toEqual([])
})

test('a reservation that was rebuilt can be paid, and one without a deadline expires again', async () => {
  const { sku, open } = await prepare()
  const short = await store.hold(sku, 1, 1)
  await store.caughtUp()
  await store.redis.hdel(store.keys.reservations, open.id)
  await store.redis.zrem(store.keys.deadlines, open.id, short.id)
  await store.reconcile(true)
  expect(await store.services.gate.confirm(open.id, 'late', 'refuse')).toMatchObject({
    reservation: { state: 'confirmed' },
  })
  await expect
    .poll(() => store.services.reader.reservation(short.id), { timeout: 10_000 })
    .toMatchObject({ reservation: { state: 'expired' } })
  expect((await store.reconcile()).drifted).toEqual([])
})

test('a reservation that was extended more than a thousand times can be mended', async () => {
  const { sku, open } = await prepare()
  const { gate, reader } = store.services
  await Promise.all(Array.from({ length: 1001 }, (_, i) => gate.extend(open.id, 2000 + i)))
  await gate.confirm(open.id, 'pay-2', 'refuse')
  await store.caughtUp()
  const { reservation } = (await reader.reservation(open.id)) as ReservationOn
  await store.redis.hdel(store.keys.reservations, open.id)
  await store.reconcile(true)
  expect((await store.reconcile()).drifted).toEqual([])
  expect(await reader.reservation(open.id)).toMatchObject({
    reservation: { ...reservation, position: expect.anything() },
  })
  expect(await store.redis.hget(store.keys.stock, sku)).toBe('15 0 5')
})

describe('what the ledger cannot tell is named and left alone', () => {
  test('entries missing from the ledger', async () => {
    const { sku } = await prepare()
    const other = await store.hold(sku, 4)
    await store.services.gate.adjustStock(sku, 1, undefined, undefined)
    await store.caughtUp()
    const rows = await store.database.ledgerLine.findMany({ where: { reservationId: other.id } })
    await sql('DELETE FROM ledger WHERE reservation_id = ?', other.id)
    const report = await store.reconcile(true)
    expect(report.drifted.filter((drift) => drift.sku === sku)).not.toHaveLength(0)
    for (const drift of report.drifted) {
      expect(drift).toMatchObject({ repaired: false, unrepaired: expect.any(String) })
    }
    expect(report.drifted[0]?.cause).toMatch(/lacks entries between the entries 1-\d+ and 1-\d+/)
    expect(await store.corrections({ sku })).toEqual([])
    await store.database.ledgerLine.createMany({ data: rows })
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test('the newest ledger line missing', async () => {
    const { sku } = await prepare()
    await store.services.gate.adjustStock(sku, 1, undefined, undefined)
    await store.caughtUp()
    const [row] = await store.database.ledgerLine.findMany({ where: { sku }, orderBy: { sequence: 'desc' } })
    await sql('DELETE FROM ledger WHERE sequence = ?', Number(row?.sequence))
    const report = await store.reconcile(true)
    expect(report.repaired).toBe(0)
    expect(report.drifted[0]?.cause).toMatch(/^The ledger in MySQL lacks the line at 1-\d+/)
    await store.database.ledgerLine.create({ data: row as NonNullable<typeof row> })
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test('a kind that was changed where the reservation does not tell what it was', async () => {
    const { sku, paid } = await prepare()
    const counts = await store.redis.hget(store.keys.stock, sku)
    await sql("UPDATE ledger SET kind = 'expire' WHERE kind = 'confirm' AND reservation_id = ?", paid.id)
    const row = await store.database.reservation.findFirstOrThrow({ where: { id: paid.id } })
    await sql('DELETE FROM reservations WHERE id = ?', paid.id)
    const report = await store.reconcile(true)
    const drifted = report.drifted.filter((drift) => drift.sku === sku && drift.field !== 'held')
    expect(drifted).not.toHaveLength(0)
    expect(drifted[0]?.cause).toMatch(/"expire", may have been changed outside Holdfast/)
    expect(await store.redis.hget(store.keys.stock, sku)).toBe(counts)
    expect(await store.corrections({ sku })).toEqual([])
    await sql("UPDATE ledger SET kind = 'confirm' WHERE kind = 'expire' AND reservation_id = ?", paid.id)
    await sql('DELETE FROM reservations WHERE id = ?', paid.id)
    await store.database.reservation.create({ data: row })
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test('a confirmed reservation made one of an unknown SKU after Redis forgot it', async () => {
    const { sku, paid } = await prepare()
    await store.redis.hdel(store.keys.reservations, paid.id)
    await store.redis.zrem(store.keys.finished, paid.id)
    await sql("UPDATE reservations SET `lines` = 'nowhere:2' WHERE id = ?", paid.id)
    const { drifted } = await store.reconcile()
    expect(drifted).toEqual([
      expect.objectContaining({ sku, field: 'sold', mysql: 2, expected: 0 }),
      expect.objectContaining({ sku: 'nowhere', field: 'sold', mysql: null, expected: 2 }),
    ])
    await sql('UPDATE reservations SET `lines` = ? WHERE id = ?', `${sku}:2`, paid.id)
    expect((await store.reconcile()).drifted).toEqual([])
  })

  test('a confirmed reservation deleted from MySQL after Redis forgot it', async () => {
    const { sku, paid, open } = await prepare()
    await store.redis.hdel(store.keys.reservations, paid.id)
    await store.redis.zrem(store.keys.finished, paid.id)
    const row = await store.database.reservation.findFirstOrThrow({ where: { id: paid.id } })
    await sql('DELETE FROM reservations WHERE id = ?', paid.id)
    const finding = expect.objectContaining({ sku, field: 'sold', mysql: 2, expected: 0, repaired: false })
    const report = await store.reconcile(true)
    expect(report.drifted).toEqual([finding])
    expect(report.drifted[0]?.cause).toContain(`reservation ${paid.id} was deleted from MySQL`)
    await store.redis.zrem(store.keys.deadlines, open.id)
    const repair = await store.reconcile(true)
    expect(repair.drifted, 'beside what could be repaired').toEqual([
      expect.objectContaining({ reservationId: open.id, field: 'deadline', repaired: true }),
      finding,
    ])
    await setCounts({ sku, paid, open }, '15 3 4')
    const { drifted } = await store.reconcile(true)
    expect(drifted, 'beside the same count, which was repaired in Redis').toEqual([
      expect.objectContaining({ sku, field: 'sold', redis: 4, expected: 2, repaired: true }),
      finding,
    ])
    await store.database.reservation.create({ data: row })
    expect((await store.reconcile()).drifted).toEqual([])
  })
})

test('a reservation that moved on after it was read is not mended with what it was', async () => {
  const { sku } = await prepare()
  const { id } = await store.hold(sku)
  const { position, items } = await new StoreSurvey(store.redis, store.name).reservations([id])
  const seen = items[0]?.record as string
  const { reservation: truth } = (await store.services.reader.reservation(id)) as ReservationOn
  await store.services.gate.release(id)
  const corrections = new StoreCorrections(store.redis, store.name)
  const outcome = await corrections.mendReservation({ run: 'run-1', position }, seen, truth, 'late')
  expect(outcome).toEqual({ unrepaired: 'what is damaged was changed meanwhile; run again' })
  expect(await store.services.reader.reservation(id)).toMatchObject({ reservation: { state: 'released' } })
  expect((await store.reconcile()).drifted).toEqual([])
})
