import type { CartLine } from '../history.js'
import type { AskedCalls } from './asked-calls.js'
import type { Counts, Ledger, LedgerEntry } from './ledger.js'

/** A reservation as it was after one of its entries. */
export interface Booking {
  id: string
  key: string | undefined
  customerId: string
  ttlSeconds: number
  lines: CartLine[]
  state: 'held' | 'confirmed' | 'released' | 'expired'
  createdAtMs: number
  expiresAtMs: number
  closedAtMs: number | undefined
  paymentRef: string | undefined
  reacquired: boolean
  /** The place of the entry in the ledger, from 0. */
  index: number
}

/**
 * What one store that does one thing after the other would be: the ledger's entries are its history,
 * and each is applied only by the rules of the contract. It remembers every state it was in.
 */
export class StoreModel {
  /** What was in the ledger that no such store would have done. */
  readonly findings: string[] = []
  private readonly stock = new Map<string, { index: number; counts: Counts }[]>()
  private readonly bookings = new Map<string, Booking[]>()
  private readonly madeByKey = new Map<string, Booking>()
  private readonly adjustedByKey = new Map<string, number>()

  constructor(
    private readonly ledger: Ledger,
    private readonly asked: AskedCalls,
  ) {
    for (const [index, entry] of ledger.entries.entries()) {
      const before = ledger.entries[index - 1]
      const wrong =
        this.outOfOrder(entry, before) ??
        (entry.reservationId ? this.book(entry, index) : this.count(entry, index))
      if (wrong) this.findings.push(`${entry.kind} at ${entry.position}: ${wrong}`)
      this.moveStock(entry, index)
    }
  }

  /** The counts of a SKU right after an entry (-1: before the first one); undefined: there was none. */
  countsAt(sku: string, index: number): Counts | undefined {
    return newestAt(this.stock.get(sku), index)?.counts
  }

  /** The SKUs that there were right after an entry, in order. */
  skusAt(index: number): string[] {
    return [...this.stock.keys()].filter((sku) => this.countsAt(sku, index)).sort()
  }

  /** A reservation as it was right after an entry. */
  bookingAt(id: string, index: number): Booking | undefined {
    return newestAt(this.bookings.get(id), index)
  }

  /** The entry after which a reservation was no longer as it was after the given one of its entries. */
  endOf(booking: Booking): number | undefined {
    return this.bookings.get(booking.id)?.find(({ index }) => index > booking.index)?.index
  }

  /** The reservation that a key has made. */
  madeBy(key: string): Booking | undefined {
    return this.madeByKey.get(key)
  }

  /** The entry of the adjustment that a key has made. */
  adjustedBy(key: string): number | undefined {
    return this.adjustedByKey.get(key)
  }

  private outOfOrder(entry: LedgerEntry, before: LedgerEntry | undefined): string | undefined {
    if (entry.sequence !== (before?.sequence ?? 0) + 1) return `it follows ${before?.position ?? 'nothing'}`
    if (before && entry.epoch < before.epoch) return `its epoch is before that of ${before.position}`
    return undefined
  }

  /** The rules for an entry about a reservation. @returns what is wrong with it. */
  private book(entry: LedgerEntry, index: number): string | undefined {
    const id = entry.reservationId as string
    const row = this.ledger.reservations.get(id)
    const was = this.bookings.get(id)?.at(-1)
    const lines = entry.lines.map(({ sku, quantity }) => ({ sku, quantity }))
    if (entry.kind === 'reserve') {
      if (was) return 'it was made before'
      const request = row && this.asked.reserve(row, lines)
      if (!request) return `nobody asked for it under ${row?.key}`
      if (this.madeByKey.has(request.key))
        return `${request.key} has made ${this.madeBy(request.key)?.id} before`
      this.remember({
        id,
        key: request.key,
        customerId: request.customerId,
        ttlSeconds: request.ttlSeconds,
        lines,
        state: 'held',
        createdAtMs: entry.occurredAtMs,
        expiresAtMs: entry.occurredAtMs + request.ttlSeconds * 1000,
        closedAtMs: undefined,
        paymentRef: undefined,
        reacquired: false,
        index,
      })
      this.madeByKey.set(request.key, this.bookingAt(id, index) as Booking)
      return undefined
    }
    if (!was) return `${id} was never made`
    if (JSON.stringify(was.lines) !== JSON.stringify(lines)) return 'it moves other units than were reserved'
    const late = entry.occurredAtMs >= was.expiresAtMs
    const ended = { ...was, index, closedAtMs: entry.occurredAtMs }
    switch (entry.kind) {
      case 'confirm':
        this.remember({ ...ended, state: 'confirmed', paymentRef: row?.paymentRef })
        if (was.state !== 'held') return `it was ${was.state}`
        if (late) return `its deadline was ${entry.occurredAtMs - was.expiresAtMs} ms ago`
        return this.asked.confirm(id, row?.paymentRef).length > 0 ? undefined : 'nobody paid'
      case 'reacquire': {
        this.remember({ ...ended, state: 'confirmed', paymentRef: row?.paymentRef, reacquired: true })
        if (was.state !== 'expired') return `it was ${was.state}`
        const late = this.asked
          .confirm(id, row?.paymentRef)
          .some(({ ifExpired }) => ifExpired === 'reacquire')
        return late ? undefined : 'nobody asked for it'
      }
      case 'release':
        this.remember({ ...ended, state: 'released' })
        if (was.state !== 'held') return `it was ${was.state}`
        if (late) return `its deadline was ${entry.occurredAtMs - was.expiresAtMs} ms ago`
        return this.asked.about(id, 'release').length > 0 ? undefined : 'nobody asked for it'
      case 'expire':
        this.remember({ ...ended, state: 'expired' })
        if (was.state !== 'held') return `it was ${was.state}`
        return late ? undefined : `its deadline is ${was.expiresAtMs - entry.occurredAtMs} ms away`
      case 'extend': {
        const ttlSeconds = this.asked.about(id, 'extend')[0]?.ttlSeconds
        if (ttlSeconds === undefined) return 'nobody asked for it'
        const expiresAtMs = entry.occurredAtMs + ttlSeconds * 1000
        this.remember({ ...was, index, expiresAtMs })
        if (was.state !== 'held') return `it was ${was.state}`
        if (late) return `its deadline was ${entry.occurredAtMs - was.expiresAtMs} ms ago`
        return expiresAtMs > was.expiresAtMs ? undefined : 'it shortens the hold'
      }
    }
    return 'no client can cause it'
  }

  /** The rules for an entry about stock alone. @returns what is wrong with it. */
  private count(entry: LedgerEntry, index: number): string | undefined {
    const [line, ...more] = entry.lines
    if (!line || more.length > 0) return `it has ${entry.lines.length} lines`
    if (entry.kind === 'set') {
      const onHand = line.available + line.held
      return this.asked.set(line.sku, onHand) ? undefined : `nobody counted ${onHand} of ${line.sku}`
    }
    if (entry.kind !== 'adjust') return 'no client can cause it'
    const asked = this.asked.adjustment(entry.reason)
    if (asked?.sku !== line.sku || asked.quantity !== line.quantity)
      return `nobody asked for it: ${entry.reason}`
    const earlier = this.adjustedByKey.get(asked.key)
    if (earlier !== undefined)
      return `${asked.key} did this before, at ${this.ledger.entries[earlier]?.position}`
    this.adjustedByKey.set(asked.key, index)
    return undefined
  }

  /** Moves the units by the entry's kind alone, and holds what the entry says of the counts against it. */
  private moveStock(entry: LedgerEntry, index: number): void {
    const [available, held, sold] = signs[entry.kind] ?? [0, 0, 0]
    for (const line of entry.lines) {
      const was = this.countsAt(line.sku, index) ?? { available: 0, held: 0, sold: 0 }
      const counts = {
        available: was.available + available * line.quantity,
        held: was.held + held * line.quantity,
        sold: was.sold + sold * line.quantity,
      }
      const story = this.stock.get(line.sku)
      if (story) story.push({ index, counts })
      else this.stock.set(line.sku, [{ index, counts }])
      if (Math.min(counts.available, counts.held, counts.sold) < 0) {
        this.findings.push(
          `${entry.kind} at ${entry.position} makes a count of ${line.sku} negative: ${format(counts)}`,
        )
      }
      if (format(counts) !== format(line)) {
        this.findings.push(
          `${entry.kind} at ${entry.position} says that ${line.sku} is at ${format(line)}; it would be at ${format(counts)}`,
        )
      }
    }
  }

  private remember(booking: Booking): void {
    const story = this.bookings.get(booking.id)
    if (story) story.push(booking)
    else this.bookings.set(booking.id, [booking])
  }
}

/** How each kind of entry moves units: available, held, sold. */
const signs: Readonly<Record<string, readonly [number, number, number]>> = {
  reserve: [-1, 1, 0],
  confirm: [0, -1, 1],
  reacquire: [-1, 0, 1],
  release: [1, -1, 0],
  expire: [1, -1, 0],
  set: [1, 0, 0],
  adjust: [1, 0, 0],
}

/** The last of a story that is not after an entry. */
function newestAt<T extends { index: number }>(
  story: readonly T[] | undefined,
  index: number,
): T | undefined {
  if (!story) return undefined
  let low = 0
  let high = story.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((story[middle] as T).index <= index) low = middle + 1
    else high = middle
  }
  return story[low - 1]
}

function format({ available, held, sold }: Counts): string {
  return `${available} ${held} ${sold}`
}
