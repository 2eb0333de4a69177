import { type Static, type TSchema, Type } from 'typebox'
import {
  countMax,
  linesPerReservationMax,
  pageItemsDefault,
  pageItemsMax,
  quantityMax,
  skuPattern,
  textLengthMax,
  textPattern,
  ttlSecondsMax,
} from '../domain/limits.js'
import { type RefusalCode, refusals } from '../domain/outcomes.js'

const strict = { additionalProperties: false }

const sku = Type.String({ pattern: skuPattern, description: 'A sellable item.', examples: ['SNEAKER-42'] })
const text = (description: string, example: string) =>
  Type.String({
    minLength: 1,
    maxLength: textLengthMax,
    pattern: textPattern,
    description,
    examples: [example],
  })
const time = (description: string) => Type.String({ format: 'date-time', description })
const count = (description: string) => Type.Integer({ minimum: 0, maximum: 2 * countMax, description })
const ttlSeconds = Type.Integer({
  minimum: 1,
  maximum: ttlSecondsMax,
  description: 'Seconds from now until an unpaid reservation expires.',
  examples: [900],
})

const Line = Type.Object(
  {
    sku,
    quantity: Type.Integer({ minimum: 1, maximum: quantityMax, description: 'Units.', examples: [1] }),
  },
  strict,
)

export const ReserveBody = Type.Object(
  {
    customerId: text('Who the units are held for.', 'customer-7'),
    lines: Type.Array(Line, {
      minItems: 1,
      maxItems: linesPerReservationMax,
      description: 'What is reserved, all or nothing. Lines of one SKU are added up.',
    }),
    ttlSeconds: Type.Optional(ttlSeconds),
    orderId: Type.Optional(text("The storefront's own name for the order.", 'order-1212')),
  },
  strict,
)

export const ConfirmBody = Type.Object(
  {
    paymentRef: Type.Optional(text('The payment; a repeat must name the same one.', 'payment-99')),
    ifExpired: Type.Optional(
      Type.Enum(['refuse', 'reacquire'], {
        description: 'What to do when the deadline has passed: refuse (default), or take the units again.',
      }),
    ),
  },
  strict,
)

export const ReleaseBody = Type.Object({}, strict)

export const ExtendBody = Type.Object({ ttlSeconds }, strict)

export const SetStockBody = Type.Object(
  {
    onHand: Type.Integer({
      minimum: 0,
      maximum: countMax,
      description: 'Units counted on the shelf: available and held together.',
      examples: [100],
    }),
  },
  strict,
)

export const AdjustBody = Type.Object(
  {
    quantity: Type.Integer({
      minimum: -countMax,
      maximum: countMax,
      not: { const: 0 },
      description: 'Units added to what is available; negative takes away.',
      examples: [5],
    }),
    reason: Type.Optional(text('Why, for the ledger.', 'return')),
  },
  strict,
)

export const Reservation = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'A UUID, version 7.' }),
    state: Type.Enum(['held', 'confirmed', 'released', 'expired']),
    customerId: Type.String(),
    orderId: Type.Optional(Type.String()),
    lines: Type.Array(Type.Object({ sku, quantity: Type.Integer() })),
    createdAt: time("When it was made, by Redis' clock."),
    expiresAt: time('Its deadline.'),
    paymentRef: Type.Optional(Type.String()),
    reacquired: Type.Optional(
      Type.Boolean({ description: 'The payment came late and its units were taken again.' }),
    ),
    closedAt: Type.Optional(time('When it was confirmed, released or expired.')),
    persisted: Type.Optional(Type.Boolean({ description: 'Whether MySQL holds its newest change.' })),
  },
  { title: 'Reservation' },
)

export const Stock = Type.Object(
  {
    sku,
    available: count('Units that can be reserved.'),
    held: count('Units of open reservations.'),
    sold: count('Units of confirmed reservations.'),
    onHand: count('available + held.'),
  },
  { title: 'Stock' },
)

const nextCursor = Type.Union([Type.String(), Type.Null()], {
  description: 'What to pass to get the next page; null on the last one.',
})

export const StockPage = Type.Object({ items: Type.Array(Stock), nextCursor }, { title: 'StockPage' })

const LedgerEntry = Type.Object(
  {
    position: Type.String({ description: 'epoch-sequence', examples: ['1-1042'] }),
    kind: Type.String({ examples: ['reserve'] }),
    occurredAt: time("By Redis' clock."),
    reservationId: Type.Optional(Type.String()),
    lines: Type.Array(
      Type.Object({
        sku,
        quantity: Type.Integer({ description: 'Units moved.' }),
        available: count('Right after.'),
        held: count('Right after.'),
        sold: count('Right after.'),
      }),
    ),
    reason: Type.Optional(Type.String()),
    actor: Type.Optional(
      Type.String({
        description:
          'Who changed stock or corrected it: the name of an API key, or `cli:` and the user at the command line. Absent where no key was asked for.',
        examples: ['back-office'],
      }),
    ),
  },
  { title: 'LedgerEntry' },
)

export const LedgerPage = Type.Object({ items: Type.Array(LedgerEntry), nextCursor }, { title: 'LedgerPage' })

/** Query strings are texts; nothing is coerced, so numbers are patterns here. */
const limit = Type.String({
  pattern: '^([1-9][0-9]?|[1-4][0-9]{2}|500)$',
  description: `Items a page, 1 to ${pageItemsMax}; ${pageItemsDefault} when absent.`,
})

export const StockQuery = Type.Object(
  {
    cursor: Type.Optional(
      Type.String({ pattern: skuPattern, description: 'nextCursor of the page before.' }),
    ),
    limit: Type.Optional(limit),
    search: Type.Optional(
      Type.String({
        pattern: skuPattern,
        description: 'Only SKUs that begin with this, in upper and lower case as given.',
        examples: ['SNEAKER-'],
      }),
    ),
  },
  strict,
)

export const LedgerQuery = Type.Object(
  {
    sku: Type.Optional(sku),
    reservationId: Type.Optional(Type.String({ format: 'uuid' })),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,9}-[0-9]{1,15}$',
        description: 'A position; entries that come after it in the order asked for.',
      }),
    ),
    order: Type.Optional(
      Type.Enum(['oldest', 'newest'], { description: 'Which come first; the oldest when absent.' }),
    ),
    limit: Type.Optional(limit),
  },
  strict,
)

export const ReconcileBody = Type.Object(
  {
    repair: Type.Optional(
      Type.Boolean({ description: 'Correct what differs by ledger entries; otherwise nothing is changed.' }),
    ),
    skus: Type.Optional(
      Type.Array(sku, {
        minItems: 1,
        maxItems: pageItemsMax,
        uniqueItems: true,
        description: 'Only the counts of these SKUs, and no reservations; otherwise all of the store.',
      }),
    ),
  },
  strict,
)

const driftValue = (description: string) =>
  Type.Union([Type.Integer(), Type.String(), Type.Null()], { description })

const Drift = Type.Object(
  {
    sku: Type.Optional(sku),
    reservationId: Type.Optional(Type.String()),
    field: Type.String({
      description:
        'A count, a field of the reservation, what points at it, or `quarantine` for a SKU whose ledger entries are quarantined.',
      examples: ['available'],
    }),
    redis: driftValue('What Redis had at the position; null for nothing.'),
    mysql: driftValue("What MySQL's row had at the position; null for nothing."),
    expected: driftValue('What the ledger, or the sum of the reservations, says; null when it cannot tell.'),
    cause: Type.String({ description: 'What probably happened.' }),
    repaired: Type.Boolean(),
    unrepaired: Type.Optional(Type.String({ description: 'Why it was not repaired although asked for.' })),
  },
  { title: 'Drift' },
)

export const Reconciliation = Type.Object(
  {
    id: Type.Integer(),
    position: Type.String({ description: 'The newest position compared.', examples: ['1-1042'] }),
    startedAt: time('When it began.'),
    tookMs: Type.Integer(),
    repair: Type.Boolean({ description: 'Whether repair was asked for.' }),
    checked: Type.Object({ skus: Type.Integer(), reservations: Type.Integer() }),
    drifted: Type.Array(Drift, { description: 'The first differences.' }),
    driftedTotal: Type.Integer({ description: 'How many differences there were.' }),
    repaired: Type.Integer({ description: 'How many of them were repaired.' }),
  },
  { title: 'Reconciliation' },
)

export const ReconciliationPage = Type.Object(
  { items: Type.Array(Reconciliation), nextCursor },
  { title: 'ReconciliationPage' },
)

const reconciliationId = Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'The id of a report.' })

export const ReconciliationsQuery = Type.Object(
  { cursor: Type.Optional(reconciliationId), limit: Type.Optional(limit) },
  strict,
)

export const ReconciliationParams = Type.Object({ id: reconciliationId })

export const SkuParams = Type.Object({ sku })
export const IdParams = Type.Object({ id: Type.String({ description: 'The id of a reservation.' }) })

export const Problem = Type.Object(
  {
    type: Type.String({ examples: ['urn:holdfast:insufficient-stock'] }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
  },
  { title: 'Problem', description: 'RFC 9457 problem details.', additionalProperties: true },
)

/** Refusals that every call of a store may meet. */
const everyCall: readonly RefusalCode[] = [
  'invalid-request',
  'unauthorized',
  'forbidden',
  'unknown-store',
  'internal-error',
  'stopping',
  // Where the API keys could not be read yet.
  'mysql-unavailable',
  'overloaded',
]
/** Refusals that every change may meet. */
export const everyChange: readonly RefusalCode[] = [
  'body-too-large',
  'unsupported-media-type',
  'store-fenced',
  'memory-full',
  'redis-unavailable',
]

/** The `response` part of a route's schema: its answers, then its refusals by status. */
export function answers(
  successes: Readonly<Record<number, TSchema>>,
  refused: readonly RefusalCode[],
): Record<number, unknown> {
  const codesByStatus = new Map<number, RefusalCode[]>()
  for (const code of new Set([...everyCall, ...refused])) {
    const { status } = refusals[code]
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code])
  }
  const responses: Record<number, unknown> = { ...successes }
  for (const [status, codes] of codesByStatus) {
    responses[status] = {
      description: codes.map((code) => `\`${code}\`: ${refusals[code].title}`).join(' '),
      content: { 'application/problem+json': { schema: Problem } },
    }
  }
  return responses
}

/** What Redis answers, refusals included, names the position it is true at. */
const positionHeaders = {
  'Holdfast-Position': {
    type: 'string',
    description:
      'The position (epoch-sequence) of the ledger entry after which the answer is true: for a reservation its newest entry, for anything else the newest of the store. Answers can be put in order by it.',
  },
}
const definiteStatuses = [200, 201, 202, 404, 409, 422]

/** `answers` of a call that Redis decides. */
export function positionedAnswers(...args: Parameters<typeof answers>): Record<number, unknown> {
  const responses = answers(...args)
  for (const status of definiteStatuses) {
    const response = responses[status]
    if (response) responses[status] = { ...response, headers: positionHeaders }
  }
  return responses
}

export type ReservationAnswer = Static<typeof Reservation>
export type StockAnswer = Static<typeof Stock>
export type ReconciliationAnswer = Static<typeof Reconciliation>
