import type { Call, CartLine, Event, Reply } from '../history.js'
import { sameLines, sumCart } from './asked-calls.js'
import type { Ledger } from './ledger.js'
import { afterEntry, atEntry, fromEntry, type Span } from './real-time.js'
import type { Booking, StoreModel } from './store-model.js'

/**
 * What the checker makes of an answer: the span of places at which the model would have given it; a
 * sentence when it never would; `lost` when it speaks of an entry that the ledger does not have;
 * `none` when it says nothing about the store (503).
 */
export type Judgement = { span: Span } | { wrong: string } | 'lost' | 'none'

type Asked<Verb extends Call['verb']> = Extract<Call, { verb: Verb }>

/** The clocks of the server and of this process are one, but for rounding. */
const clockSlackMs = 20

/** Holds each answer against the model. */
export class ReplyJudge {
  /** The sequence of each entry is its place in the ledger, from 1. */
  constructor(
    private readonly model: StoreModel,
    private readonly ledger: Ledger,
    /** False when a fault moves the clock of Redis: then deadlines are judged by the ledger alone. */
    private readonly clockIsTrue: boolean,
  ) {}

  judge(event: Event): Judgement {
    const { call, reply } = event
    if (!reply || reply.status === 503) return 'none'
    if (reply.position === undefined) return this.judgeUnplaced(call, reply)
    const index = this.locate(reply.position)
    if (index === undefined) return 'lost'
    if (reply.status >= 500) return { wrong: `it was answered ${reply.status}` }
    switch (call.verb) {
      case 'reserve':
        return this.judgeReserve(call, reply, index)
      case 'confirm':
        return reply.status < 300
          ? this.judgePaid(call, reply, index)
          : this.judgeUnpaid(call, event, reply, index)
      case 'release':
        return reply.status < 300
          ? this.judgeReservation(call, reply, index, 'released')
          : this.judgeClosed(call, event, reply, index)
      case 'extend':
        return reply.status < 300
          ? this.judgeReservation(call, reply, index, 'held')
          : this.judgeClosed(call, event, reply, index)
      case 'read':
        return this.judgeReservation(call, reply, index)
      case 'stock':
        return this.judgeCounts(call.sku, reply, index) ?? { span: afterEntry(index) }
      case 'list':
        return this.judgeList(reply, index)
      case 'set':
        return this.judgeSet(call, reply, index)
      case 'adjust':
        return this.judgeAdjust(call, reply, index)
    }
  }

  /**
   * The entry that a position names, or the last one before it: a restore begins a new epoch without
   * an entry. @returns its index, -1 before the first; undefined when the ledger went another way.
   */
  private locate(position: string): number | undefined {
    const [epoch = 0, sequence = 0] = position.split('-').map(Number)
    const { entries } = this.ledger
    if (sequence > entries.length) return undefined
    const next = entries[sequence]
    const isPast = entries[sequence - 1]?.epoch === epoch
    const isStart = (entries[sequence - 1]?.epoch ?? 0) < epoch && (next?.epoch ?? epoch) >= epoch
    return isPast || isStart ? sequence - 1 : undefined
  }

  /** What needs no place: there is no such thing, now or ever. */
  private judgeUnplaced(call: Call, reply: Reply): Judgement {
    const code = codeOf(reply)
    if (code === 'unknown-reservation' && 'id' in call) {
      const booking = this.model.bookingAt(call.id, this.ledger.entries.length)
      return booking ? { span: { from: 0, to: 2 * firstIndex(this.model, booking) } } : 'none'
    }
    return { wrong: `${reply.status} ${code ?? ''} does not say which state of the store it is of` }
  }

  private judgeReserve(call: Asked<'reserve'>, reply: Reply, index: number): Judgement {
    const made = this.model.madeBy(call.key)
    const madeBefore = made !== undefined && made.index <= index
    const isRepeat = madeBefore && sameRequest(call, made)
    if (reply.status === 201) {
      if (made?.index !== index || made.id !== reply.body.id) return 'lost'
      return wrongReservation(reply, made) ?? { span: atEntry(index) }
    }
    if (reply.status === 200) {
      const judgement = this.judgeReservation({ id: reply.body.id }, reply, index)
      if (typeof judgement === 'string' || 'wrong' in judgement) return judgement
      if (made?.id !== reply.body.id || !isRepeat)
        return { wrong: `${call.key} has not made ${reply.body.id}` }
      return reply.replayed ? judgement : { wrong: 'a repeat was not called one' }
    }
    const code = codeOf(reply)
    if (code === 'idempotency-key-reused') {
      return madeBefore && !isRepeat ? { span: afterEntry(index) } : { wrong: `${call.key} was not used` }
    }
    if (madeBefore) return { wrong: `${call.key} had made ${made.id} before it was refused` }
    const lines = sumCart(call.lines)
    const unknown = lines.map(({ sku }) => sku).filter((sku) => !this.model.countsAt(sku, index))
    if (code === 'unknown-sku') {
      const same = JSON.stringify([...reply.body.skus].sort()) === JSON.stringify(unknown)
      return same && unknown.length > 0 ? { span: afterEntry(index) } : { wrong: `unknown is ${unknown}` }
    }
    if (code === 'insufficient-stock' && unknown.length === 0) return this.judgeShort(lines, reply, index)
    return { wrong: `it was refused as ${code}` }
  }

  /** Every short line, and no other, with what there was of it. */
  private judgeShort(lines: readonly CartLine[], reply: Reply, index: number): Judgement {
    const short = sumCart(lines)
      .map(({ sku, quantity }) => ({
        sku,
        requested: quantity,
        available: this.model.countsAt(sku, index)?.available ?? 0,
      }))
      .filter(({ requested, available }) => available < requested)
    const said = [...reply.body.lines].sort((a, b) => (a.sku < b.sku ? -1 : 1))
    if (short.length > 0 && JSON.stringify(said) === JSON.stringify(short)) return { span: afterEntry(index) }
    return { wrong: `it said ${JSON.stringify(said)} was short, and that was ${JSON.stringify(short)}` }
  }

  /** An answer with a reservation, as one of its entries left it. */
  private judgeReservation(
    { id }: { id: string },
    reply: Reply,
    index: number,
    state?: Booking['state'],
  ): Judgement {
    const booking = this.model.bookingAt(id, index)
    // Its newest entry is the one that the answer names: if it is another's, histories have parted.
    if (booking?.index !== index) return 'lost'
    const wrong = wrongReservation(reply, booking)
    if (wrong) return wrong
    if (state && booking.state !== state) return { wrong: `it is ${booking.state}` }
    if (reply.status !== (state === 'confirmed' && !reply.body.persisted ? 202 : 200)) {
      return { wrong: `${reply.status} with persisted ${reply.body.persisted}` }
    }
    return { span: fromEntry(index, this.model.endOf(booking)) }
  }

  /** Paid by this payment, now or before: whoever paid twice has to learn of it. */
  private judgePaid(call: Asked<'confirm'>, reply: Reply, index: number): Judgement {
    const judgement = this.judgeReservation(call, reply, index, 'confirmed')
    const paidBy = this.model.bookingAt(call.id, index)?.paymentRef
    if (judgement === 'lost' || paidBy === call.paymentRef) return judgement
    return { wrong: `it was paid by ${paidBy}` }
  }

  private judgeUnpaid(call: Asked<'confirm'>, event: Event, reply: Reply, index: number): Judgement {
    const code = codeOf(reply)
    const booking = this.model.bookingAt(call.id, index)
    if (code === 'payment-mismatch') {
      const mismatch = booking?.state === 'confirmed' && booking.paymentRef !== call.paymentRef
      return mismatch ? { span: afterEntry(index) } : { wrong: `it is ${booking?.state}` }
    }
    if (code === 'insufficient-stock' && booking?.state === 'expired' && call.ifExpired === 'reacquire') {
      return this.judgeShort(booking.lines, reply, index)
    }
    if (code === 'reservation-expired' && call.ifExpired === 'reacquire') {
      return { wrong: 'its units were to be taken again' }
    }
    if (code === 'reservation-confirmed') return { wrong: 'a payment was refused because it was paid' }
    return this.judgeClosed(call, event, reply, index)
  }

  /** A refusal because of the state that the reservation is in. */
  private judgeClosed(call: { id: string }, event: Event, reply: Reply, index: number): Judgement {
    const code = codeOf(reply)
    const booking = this.model.bookingAt(call.id, index)
    if (code === 'unknown-reservation') {
      return booking ? { wrong: `it is ${booking.state}` } : { span: afterEntry(index) }
    }
    if (!booking) return 'lost'
    const isDue = !this.clockIsTrue || booking.expiresAtMs <= (event.endMs as number) + clockSlackMs
    const state = booking.state === 'held' && isDue ? 'expired' : booking.state
    return code === `reservation-${state}`
      ? { span: afterEntry(index) }
      : { wrong: `${code}, and it is ${state}` }
  }

  /** Every SKU, all as they were at one place. */
  private judgeList(reply: Reply, index: number): Judgement {
    const skus = this.model.skusAt(index)
    const items: { sku: string }[] = reply.body.items ?? []
    const listed = items.map(({ sku }) => sku)
    if (JSON.stringify(listed) !== JSON.stringify(skus)) return { wrong: `it lists ${listed}, not ${skus}` }
    for (const item of items) {
      const wrong = this.judgeCounts(item.sku, { ...reply, body: item }, index)
      if (wrong) return wrong
    }
    return { span: afterEntry(index) }
  }

  private judgeSet(call: Asked<'set'>, reply: Reply, index: number): Judgement {
    if (codeOf(reply) === 'below-held') {
      const held = this.model.countsAt(call.sku, index)?.held ?? 0
      if (reply.body.held !== held || held <= call.onHand) return { wrong: `${held} are held` }
      return { span: afterEntry(index) }
    }
    if (reply.body.onHand !== call.onHand) return { wrong: `it set ${reply.body.onHand}` }
    const from = this.ledger.entries[index]?.kind === 'set' ? atEntry(index).from : afterEntry(index).from
    return this.judgeCounts(call.sku, reply, index) ?? { span: { from, to: afterEntry(index).to } }
  }

  private judgeAdjust(call: Asked<'adjust'>, reply: Reply, index: number): Judgement {
    const made = this.model.adjustedBy(call.key)
    const madeBefore = made !== undefined && made <= index
    if (reply.status === 200) {
      if (!madeBefore) return 'lost'
      if (!reply.replayed && made !== index) return 'lost'
      const span = reply.replayed ? afterEntry(index) : atEntry(index)
      return this.judgeCounts(call.sku, reply, index) ?? { span }
    }
    if (madeBefore) return { wrong: `${call.key} had been applied before it was refused` }
    if (codeOf(reply) !== 'insufficient-stock') return { wrong: `it was refused as ${codeOf(reply)}` }
    return this.judgeShort([{ sku: call.sku, quantity: -call.quantity }], reply, index)
  }

  /** @returns what is wrong with the counts that an answer tells. */
  private judgeCounts(sku: string, { status, body }: Reply, index: number): { wrong: string } | undefined {
    const counts = this.model.countsAt(sku, index)
    if (status >= 300 || !counts) return { wrong: `it was answered ${status}` }
    const { available, held, sold } = counts
    const wanted = { sku, available, held, sold, onHand: available + held }
    const differs = Object.entries(wanted).filter(([field, value]) => body[field] !== value)
    return differs.length > 0 ? { wrong: `${describe(differs)}, not ${JSON.stringify(body)}` } : undefined
  }
}

function codeOf(reply: Reply): string | undefined {
  return typeof reply.body.type === 'string' ? reply.body.type.replace('urn:holdfast:', '') : undefined
}

function firstIndex(model: StoreModel, booking: Booking): number {
  return booking.key === undefined ? booking.index : (model.madeBy(booking.key)?.index ?? booking.index)
}

function sameRequest(call: Asked<'reserve'>, made: Booking): boolean {
  return (
    call.customerId === made.customerId &&
    call.ttlSeconds === made.ttlSeconds &&
    sameLines(call.lines, made.lines)
  )
}

/** @returns what an answer says of a reservation that is not so. */
function wrongReservation({ body }: Reply, booking: Booking): { wrong: string } | undefined {
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())
  const wanted = {
    id: booking.id,
    state: booking.state,
    customerId: booking.customerId,
    createdAt: time(booking.createdAtMs),
    expiresAt: time(booking.expiresAtMs),
    closedAt: time(booking.closedAtMs),
    paymentRef: booking.paymentRef,
    reacquired: booking.reacquired || undefined,
  }
  const differs = Object.entries(wanted).filter(([field, value]) => body[field] !== value)
  if (!sameLines(body.lines, booking.lines)) differs.push(['lines', JSON.stringify(booking.lines)])
  return differs.length > 0 ? { wrong: `${describe(differs)}, not ${JSON.stringify(body)}` } : undefined
}

function describe(fields: readonly (readonly [string, unknown])[]): string {
  return fields.map(([field, value]) => `${field} was ${value}`).join(', ')
}
