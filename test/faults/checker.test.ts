import { describe, expect, test } from 'vitest'
import { type Allowance, checkHistory } from './checker/checker.js'
import type { Ledger, LedgerEntry, ReservationRow } from './checker/ledger.js'
import type { Call, Event, Reply } from './history.js'

const began = Date.UTC(2026, 11, 12, 12, 12, 12)
const at = (ms: number) => new Date(began + ms).toISOString()

/**
 * What a small shop lived through, right in every detail: ten CUPs are counted; A is held and paid, B is
 * held, refused to another, and expires; a read before and after. Tests spoil one detail each.
 */
function history() {
  const counts = (available: number, held: number, sold: number) => ({ available, held, sold })
  const entry = (
    sequence: number,
    kind: string,
    ms: number,
    quantity: number,
    after: { available: number; held: number; sold: number },
    reservationId?: string,
  ): LedgerEntry => ({
    position: `1-${sequence}`,
    epoch: 1,
    sequence,
    kind,
    occurredAtMs: began + ms,
    reservationId,
    reason: undefined,
    lines: [{ sku: 'CUP', quantity, ...after }],
  })
  const row = (id: string, state: string, paymentRef?: string): ReservationRow => ({
    id,
    state,
    customerId: 'c',
    ttlSeconds: 2,
    key: `key-${id}`,
    paymentRef,
  })
  const entries = [
    entry(1, 'set', 10, 10, counts(10, 0, 0)),
    entry(2, 'reserve', 20, 3, counts(7, 3, 0), 'a'),
    entry(3, 'reserve', 30, 6, counts(1, 9, 0), 'b'),
    entry(4, 'confirm', 60, 3, counts(1, 6, 3), 'a'),
    entry(5, 'expire', 2030, 6, counts(7, 0, 3), 'b'),
  ]
  const reservations = new Map([
    ['a', row('a', 'confirmed', 'pay')],
    ['b', row('b', 'expired')],
  ])
  const reserve = (id: string, quantity: number): Call => ({
    verb: 'reserve',
    key: `key-${id}`,
    customerId: 'c',
    lines: [{ sku: 'CUP', quantity }],
    ttlSeconds: 2,
  })
  const confirm = (id: string): Call => ({ verb: 'confirm', id, paymentRef: 'pay', ifExpired: 'refuse' })
  const reservation = (id: string, state: string, createdMs: number, quantity: number, more = {}) => ({
    id,
    state,
    customerId: 'c',
    lines: [{ sku: 'CUP', quantity }],
    createdAt: at(createdMs),
    expiresAt: at(createdMs + 2000),
    ...more,
  })
  const stock = { sku: 'CUP', available: 1, held: 9, sold: 0, onHand: 10 }
  const paid = { paymentRef: 'pay', closedAt: at(60), persisted: true }
  const events: Event[] = []
  const add = (
    call: Call,
    startMs: number,
    endMs: number,
    status: number,
    sequence: number,
    body: object,
  ) => {
    const position = `1-${sequence}`
    const contentType = status < 300 ? 'application/json' : 'application/problem+json'
    const reply: Reply = { status, position, replayed: false, contentType, retryAfter: undefined, body }
    events.push({
      number: events.length,
      api: 0,
      call,
      startMs: began + startMs,
      endMs: began + endMs,
      reply,
    })
  }
  const problem = (code: string, more = {}) => ({ type: `urn:holdfast:${code}`, ...more })
  const short = problem('insufficient-stock', { lines: [{ sku: 'CUP', requested: 6, available: 1 }] })
  add({ verb: 'set', sku: 'CUP', onHand: 10 }, 0, 12, 201, 1, { ...stock, available: 10, held: 0 })
  add(reserve('a', 3), 14, 22, 201, 2, reservation('a', 'held', 20, 3))
  add(reserve('b', 6), 24, 32, 201, 3, reservation('b', 'held', 30, 6))
  add({ verb: 'stock', sku: 'CUP' }, 34, 38, 200, 3, stock)
  add(reserve('c', 6), 40, 45, 409, 3, short)
  add(confirm('a'), 50, 70, 200, 4, reservation('a', 'confirmed', 20, 3, paid))
  add(confirm('b'), 2050, 2060, 409, 5, problem('reservation-expired'))
  add({ verb: 'read', id: 'a' }, 2070, 2080, 200, 4, reservation('a', 'confirmed', 20, 3, paid))
  add({ verb: 'list' }, 2090, 2095, 200, 5, {
    items: [{ ...stock, available: 7, held: 0, sold: 3, onHand: 7 }],
  })
  return { events, ledger: { entries, reservations } satisfies Ledger }
}

/** A call that is put off, at the end of the history. */
function putOff({ events }: Told, number: number, code: string): Event {
  const { call } = events[number] as Event
  const reply: Reply = {
    status: 503,
    position: undefined,
    replayed: false,
    contentType: 'application/problem+json; charset=utf-8',
    retryAfter: '1',
    body: { type: `urn:holdfast:${code}` },
  }
  const event = { number: events.length, api: 0, call, startMs: began + 3000, endMs: began + 3001, reply }
  events.push(event)
  return event
}

/** The answer to a call becomes a definite no. */
function refuse(told: Told, number: number, status: number): void {
  Object.assign(reply(told, number), { status, body: { type: 'urn:holdfast:insufficient-stock', lines: [] } })
}

type Told = ReturnType<typeof history>
const reply = ({ events }: Told, number: number) => events[number]?.reply as Reply
const entryAt = ({ ledger }: Told, index: number) => ledger.entries[index] as LedgerEntry
const line = (told: Told, index: number) => entryAt(told, index).lines[0] as LedgerEntry['lines'][number]

function check({ events, ledger }: Told, allowance: Allowance = {}) {
  return checkHistory(events, ledger, allowance)
}

test('the checker finds nothing in a right history', () => {
  expect(check(history())).toEqual({
    findings: [],
    holds: { acknowledged: 2, lost: 0, gone: 0 },
    confirms: { acknowledged: 1, lost: 0, gone: 0 },
    oversold: 0,
  })
})

describe('the checker finds', () => {
  const spoilt: Record<string, [spoil: (told: Told) => unknown, finding: RegExp]> = {
    'an entry that is missing': [({ ledger }) => ledger.entries.splice(2, 1), /it follows 1-2/],
    'an entry that was applied twice': [
      ({ ledger }) => ledger.entries.splice(3, 0, ledger.entries[2] as LedgerEntry),
      /reserve at 1-3: it follows 1-3/,
    ],
    'counts that do not follow': [
      (told) => line(told, 2).available++,
      /says that CUP is at 2 9 0; it would be at 1 9 0/,
    ],
    'a count below zero': [(told) => (line(told, 0).quantity = 8), /makes a count of CUP negative/],
    'a payment after the deadline': [
      (told) => (entryAt(told, 3).occurredAtMs = began + 2025),
      /confirm at 1-4: its deadline was 5 ms ago/,
    ],
    'a second payment that is accepted': [
      (told) => {
        const call = { ...(told.events[5] as Event).call, paymentRef: 'another' } as Call
        const [startMs, endMs] = [began + 2061, began + 2065]
        told.events.push({ ...(told.events[5] as Event), number: 9, call, startMs, endMs })
      },
      /call 9, confirm .*it was paid by pay/,
    ],
    'an early expiry': [
      (told) => (entryAt(told, 4).occurredAtMs = began + 2029),
      /its deadline is 1 ms away/,
    ],
    'an ending of what has ended': [(told) => (entryAt(told, 4).reservationId = 'a'), /expire at 1-5/],
    'an effect that nobody asked for': [
      ({ events }) => events.splice(2, 1),
      /reserve at 1-3: nobody asked for it/,
    ],
    'a payment that nobody made': [({ events }) => events.splice(5, 1), /confirm at 1-4: nobody paid/],
    'a hold whose only request was refused': [
      (told) => refuse(told, 2, 409),
      /reserve at 1-3: nobody asked for it/,
    ],
    'a payment that was only asked for by what was refused': [
      (told) => refuse(told, 5, 404),
      /confirm at 1-4: nobody paid/,
    ],
    'a count that was only asked for by what was refused': [
      (told) => refuse(told, 0, 400),
      /set at 1-1: nobody counted 10 of CUP/,
    ],
    'a 503 of a type that the catalogue does not have': [
      (told) => putOff(told, 1, 'tired'),
      /call 9, reserve .*no problem of the catalogue/,
    ],
    'a 503 of a type that is answered otherwise': [
      (told) => putOff(told, 1, 'insufficient-stock'),
      /call 9, reserve .*no problem of the catalogue/,
    ],
    'a 503 that does not say when to come back': [
      (told) => ((putOff(told, 1, 'store-fenced').reply as Reply).retryAfter = undefined),
      /call 9, reserve .*no Retry-After/,
    ],
    'a 503 that is no problem+json': [
      (told) => ((putOff(told, 1, 'store-fenced').reply as Reply).contentType = 'application/json'),
      /call 9, reserve .*no problem\+json/,
    ],
    'a payment that is put off for want of memory': [
      (told) => putOff(told, 5, 'holds-paused'),
      /call 9, confirm .*a confirm is not put off for holds-paused/,
    ],
    'a second effect of a key': [
      ({ ledger, events }) => {
        const b = ledger.reservations.get('b') as ReservationRow
        b.key = 'key-a'
        ;(events[2] as Event).call = { ...(events[2] as Event).call, key: 'key-a' } as Call
      },
      /key-a has made a before/,
    ],
    'a hold that is lost': [
      ({ ledger }) => ledger.entries.splice(1),
      /call 1, reserve .*the ledger has no such thing/,
    ],
    'a payment that is lost': [
      ({ ledger }) => ledger.entries.splice(3),
      /call 5, confirm .*the ledger has no such thing/,
    ],
    'units that were not reserved so': [
      (told) => (reply(told, 1).body.lines[0].quantity = 2),
      /call 1, .*lines was/,
    ],
    'a deadline that is not the one set': [
      (told) => (reply(told, 2).body.expiresAt = at(3000)),
      /expiresAt was/,
    ],
    'a read that was never true': [(told) => reply(told, 3).body.held++, /call 3, stock .*held was 9/],
    'a list that was never true': [
      (told) => reply(told, 8).body.items[0].sold++,
      /call 8, list .*sold was 3/,
    ],
    'a list without a SKU': [(told) => reply(told, 8).body.items.pop(), /it lists , not CUP/],
    'a refusal although there was enough': [
      (told) => (reply(told, 4).position = '1-1'),
      /call 4, reserve .* was short, and that was \[\]/,
    ],
    'a refusal with the wrong count': [
      (told) => (reply(told, 4).body.lines[0].available = 2),
      /call 4, reserve .* was short/,
    ],
    'a refusal for another reason': [
      (told) => (reply(told, 6).body.type = 'urn:holdfast:reservation-released'),
      /reservation-released, and it is expired/,
    ],
    'persisted that does not fit its status': [
      (told) => (reply(told, 5).status = 202),
      /202 with persisted true/,
    ],
    'a failure inside': [(told) => (reply(told, 3).status = 500), /it was answered 500/],
    'an answer that does not say where it stands': [
      (told) => (reply(told, 3).position = undefined),
      /does not say which state/,
    ],
    'a read of what was over before it was asked': [
      ({ events }) => Object.assign(events[3] as Event, { startMs: began + 100, endMs: began + 110 }),
      /call 3 \(stock\) was answered from place 6, and call 5 had been answered from 7 before it was asked/,
    ],
    'a reservation as it was before it was paid': [
      (told) => {
        const { body } = reply(told, 1)
        Object.assign(reply(told, 7), { position: '1-2', body: { ...body } })
      },
      /call 7 \(read\) was answered from places 3 to 6/,
    ],
  }
  test.each(Object.entries(spoilt))('%s', (_what, [spoil, finding]) => {
    const told = history()
    spoil(told)
    expect(check(told).findings.join('\n')).toMatch(finding)
  })
})

test.each(['store-fenced', 'redis-unavailable', 'memory-full', 'holds-paused', 'overloaded', 'stopping'])(
  'the checker finds nothing in a hold that is put off as %s',
  (code) => {
    const told = history()
    putOff(told, 1, code)
    expect(check(told).findings).toEqual([])
  },
)

test('a call that was refused, and had its effect when it was sent again, is right', () => {
  const told = history()
  const again = structuredClone(told.events[2] as Event)
  // Refused for the lack of stock when there was none yet, then repeated.
  refuse(told, 2, 404)
  Object.assign(reply(told, 2), {
    position: '1-0',
    body: { type: 'urn:holdfast:unknown-sku', skus: ['CUP'] },
  })
  Object.assign(told.events[2] as Event, { startMs: began, endMs: began + 1 })
  expect(check(told).findings).toContain('reserve at 1-3: nobody asked for it under key-b')
  told.events.push({ ...again, number: told.events.length })
  expect(check(told).findings).toEqual([])
  // Nor is it wrong when nobody knows what became of the repeat.
  Object.assign(told.events.at(-1) as Event, { reply: undefined, endMs: undefined, lost: 'timeout' })
  expect(check(told).findings).toEqual([])
})

describe('when a disk is lost', () => {
  const mayBeGone = () => true

  test('a hold may be gone, and is counted apart', () => {
    const told = history()
    told.ledger.entries.splice(1)
    const { findings, holds } = check({ ...told, events: told.events.slice(0, 3) }, { mayBeGone })
    expect(findings).toEqual([])
    expect(holds).toEqual({ acknowledged: 2, lost: 0, gone: 2 })
  })

  test('a payment that was called persisted may not', () => {
    const told = history()
    told.ledger.entries.splice(3)
    expect(check(told, { mayBeGone }).confirms).toEqual({ acknowledged: 1, lost: 1, gone: 0 })
  })
})

test('units sold to more customers than there were units are counted', () => {
  const told = history()
  reply(told, 5).body.lines[0].quantity = 13
  expect(check(told).oversold).toBe(3)
})

test('when the clock was set, a refusal for a deadline is judged by the ledger alone', () => {
  const told = history()
  Object.assign(reply(told, 6), { position: '1-3' })
  Object.assign(told.events[6] as Event, { startMs: began + 45, endMs: began + 48 })
  expect(check(told).findings.join()).toMatch(/reservation-expired, and it is held/)
  expect(check(told, { clockIsSet: true }).findings).toEqual([])
})
