import type { Call, CartLine, Event, Reply } from '../history.js'
import type { ReservationRow } from './ledger.js'

type Asked<Verb extends Call['verb']> = Extract<Call, { verb: Verb }>

/**
 * What clients asked for, by what it was about: an effect that nobody asked for is as wrong as one
 * that is missing. A call that was definitely refused asked for nothing: its effect must never be. The
 * same call sent again is another one, with an answer of its own.
 */
export class AskedCalls {
  private readonly reserves = new Map<string, Asked<'reserve'>[]>()
  private readonly byId = new Map<string, Call[]>()
  private readonly adjustments = new Map<string, Asked<'adjust'>>()
  private readonly sets: Asked<'set'>[] = []

  constructor(events: readonly Event[]) {
    for (const { call, unsent, reply } of events) {
      if (unsent || isRefusal(reply)) continue
      if (call.verb === 'reserve') push(this.reserves, call.key, call)
      else if (call.verb === 'adjust') this.adjustments.set(call.key, call)
      else if (call.verb === 'set') this.sets.push(call)
      else if ('id' in call) push(this.byId, call.id, call)
    }
  }

  /** The request that a reservation is of: a key may also have been misused with others. */
  reserve({ key, customerId, ttlSeconds }: ReservationRow, lines: readonly CartLine[]) {
    return this.reserves
      .get(key ?? '')
      ?.find(
        (call) =>
          call.customerId === customerId && call.ttlSeconds === ttlSeconds && sameLines(call.lines, lines),
      )
  }

  confirm(id: string, paymentRef: string | undefined): Asked<'confirm'>[] {
    return this.about(id, 'confirm').filter((call) => call.paymentRef === paymentRef)
  }

  about<Verb extends Call['verb']>(id: string, verb: Verb): Asked<Verb>[] {
    return (this.byId.get(id) ?? []).filter((call): call is Asked<Verb> => call.verb === verb)
  }

  adjustment(key: string | undefined): Asked<'adjust'> | undefined {
    return this.adjustments.get(key ?? '')
  }

  set(sku: string, onHand: number): Asked<'set'> | undefined {
    return this.sets.find((call) => call.sku === sku && call.onHand === onHand)
  }
}

/** A definite no. An error of the server (5xx), or no answer at all, leaves the effect unknown. */
function isRefusal(reply: Reply | undefined): boolean {
  return reply !== undefined && reply.status >= 400 && reply.status < 500
}

/** A cart as one line a SKU, in order. */
export function sumCart(lines: readonly CartLine[]): CartLine[] {
  const units = new Map<string, number>()
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity)
  return [...units].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1))
}

/** Whether two carts are of the same units. */
export function sameLines(a: readonly CartLine[], b: readonly CartLine[]): boolean {
  const format = (lines: readonly CartLine[]) =>
    sumCart(lines)
      .map(({ sku, quantity }) => `${sku}:${quantity}`)
      .join(',')
  return format(a) === format(b)
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const known = map.get(key)
  if (known) known.push(value)
  else map.set(key, [value])
}
