import type { entryKinds } from '../domain/ledger-entry.js'
import { comparePositions, type Position } from '../domain/position.js'
import { formatLines, type Reservation, type ReservationState } from '../domain/reservation.js'
import type { StoreLedger } from '../ledger/store-ledger.js'

/** What the ledger tells of a reservation; what it does not tell, both records are asked for. */
export interface Story {
  state: ReservationState
  /** Of the newest entry. */
  position: Position
  createdAtMs: number
  closedAtMs: number | undefined
  reacquired: boolean
  /** Whether its deadline was ever moved: otherwise it follows from the time to live. */
  extended: boolean
  /** `sku:quantity` joined by commas. */
  lines: string
}

const states: Readonly<Partial<Record<keyof typeof entryKinds, ReservationState>>> = {
  reserve: 'held',
  confirm: 'confirmed',
  reacquire: 'confirmed',
  release: 'released',
  expire: 'expired',
}

/**
 * The newest entries of a reservation that are looked at, besides its first one. What changes its state
 * comes last, so that those left out have extended it, and there are others that did.
 */
const entriesMax = 1000

/** @returns undefined when the ledger has no reservation of this id up to the position. */
export async function readStory(
  ledger: StoreLedger,
  reservationId: string,
  at: Position,
): Promise<Story | undefined> {
  const beyond = { epoch: at.epoch, sequence: at.sequence + 1 }
  const entries = await ledger.entries({ reservationId, after: beyond, order: 'newest', limit: entriesMax })
  entries.reverse()
  const [first] =
    entries.length < entriesMax
      ? entries
      : await ledger.entries({ reservationId, after: undefined, limit: 1 })
  const newest = entries.at(-1)
  if (!newest || first?.kind !== 'reserve') return undefined
  const turns = entries.filter(({ kind }) => states[kind] !== undefined)
  const last = turns.at(-1) ?? first
  const state = states[last.kind] as ReservationState
  return {
    state,
    position: newest.position,
    createdAtMs: first.occurredAt.getTime(),
    closedAtMs: state === 'held' ? undefined : last.occurredAt.getTime(),
    reacquired: turns.some(({ kind }) => kind === 'reacquire'),
    extended: entries.some(({ kind }) => kind === 'extend'),
    lines: formatLines(first.lines),
  }
}

/** Which of the two records is the true one, and what happened to the other. */
export interface Choice {
  truth: Reservation | undefined
  redis: Reservation | undefined
  cause: string
  /** Whether the record in Redis is of no reservation. */
  isMadeUp?: true
}

export const undecided: Choice = {
  truth: undefined,
  redis: undefined,
  cause: 'Not looked into: there are too many differences.',
}

/**
 * Chooses between Redis' record and MySQL's row by the ledger. Where the ledger cannot tell, because
 * they differ in what it does not hold, MySQL's row counts; but a deadline that stands twice in
 * Redis, in the record and in the set of deadlines, counts more than one row.
 */
export function chooseTruth(
  redis: Reservation | undefined,
  mysql: Reservation | undefined,
  story: Story | undefined,
  deadline: string,
): Choice {
  const redisAgrees = redis !== undefined && story !== undefined && agrees(redis, story)
  const mysqlAgrees = mysql !== undefined && story !== undefined && agrees(mysql, story)
  const deadlineStandsTwice =
    redisAgrees &&
    mysqlAgrees &&
    redis.expiresAtMs !== mysql.expiresAtMs &&
    deadline === String(redis.expiresAtMs)
  if (mysqlAgrees && !deadlineStandsTwice) {
    const what = redis ? 'changed' : 'deleted or made unreadable'
    return { truth: mysql, redis, cause: `The record in Redis was ${what} outside Holdfast.` }
  }
  if (redisAgrees) {
    const what = mysql ? 'changed' : 'deleted or made unreadable'
    return { truth: redis, redis, cause: `MySQL's row was ${what} outside Holdfast.` }
  }
  return {
    truth: undefined,
    redis,
    cause: story
      ? 'Neither Redis nor MySQL agrees with the ledger: more than one of them was changed outside Holdfast.'
      : 'The ledger does not tell how the reservation began: its entries are missing from MySQL.',
  }
}

function agrees(reservation: Reservation, story: Story): boolean {
  const { expiresAtMs, createdAtMs, ttlSeconds } = reservation
  return (
    reservation.state === story.state &&
    comparePositions(reservation.position, story.position) === 0 &&
    createdAtMs === story.createdAtMs &&
    reservation.closedAtMs === story.closedAtMs &&
    reservation.reacquired === story.reacquired &&
    formatLines(reservation.lines) === story.lines &&
    (story.extended || expiresAtMs === createdAtMs + ttlSeconds * 1000)
  )
}
