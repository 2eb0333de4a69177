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
import { exampleOf, exampleProblem } from './examples.js'
import { readinessParts, readinessProblems } from './readiness-problems.js'

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
const time = (description: string, example: string) =>
  Type.String({ format: 'date-time', description, examples: [example] })
const count = (description: string, example: number) =>
  Type.Integer({ minimum: 0, maximum: 2 * countMax, description, examples: [example] })
const position = (description: string, example = '1-1042') =>
  Type.String({ description, examples: [example] })
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
  {
    ...strict,
    examples: [{ paymentRef: 'payment-99' }, { paymentRef: 'payment-99', ifExpired: 'reacquire' }],
  },
)

export const ReleaseBody = Type.Object({}, { ...strict, examples: [{}] })

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

const reservationId = '0193bad9-9f00-7c3e-8a51-4b6d2e90c7f1'

export const Reservation = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'A UUID, version 7.', examples: [reservationId] }),
    state: Type.Enum(['held', 'confirmed', 'released', 'expired'], {
      description: 'Held until it is confirmed, released or, at its deadline, expired.',
    }),
    customerId: Type.String({ examples: ['customer-7'] }),
    orderId: Type.Optional(Type.String({ examples: ['order-1212'] })),
    lines: Type.Array(
      Type.Object({ sku, quantity: Type.Integer({ description: 'Units.', examples: [2] }) }),
      { description: 'One for each SKU, in the order of their names.' },
    ),
    createdAt: time("When it was made, by Redis' clock.", '2026-12-12T12:00:00.000Z'),
    expiresAt: time('Its deadline.', '2026-12-12T12:15:00.000Z'),
    paymentRef: Type.Optional(Type.String({ description: 'The payment it was confirmed by.' })),
    reacquired: Type.Optional(
      Type.Boolean({ description: 'The payment came late and its units were taken again.' }),
    ),
    closedAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When it was confirmed, released or expired.' }),
    ),
    persisted: Type.Optional(Type.Boolean({ description: 'Whether MySQL holds its newest change.' })),
  },
  { title: 'Reservation' },
)

export const Stock = Type.Object(
  {
    sku,
    available: count('Units that can be reserved.', 88),
    held: count('Units of open reservations.', 12),
    sold: count('Units of confirmed reservations.', 40),
    onHand: count('available + held.', 100),
  },
  { title: 'Stock' },
)

const nextCursor = Type.Union([Type.String(), Type.Null()], {
  description: 'What to pass to get the next page; null on the last one.',
  examples: [null],
})

export const StockPage = Type.Object({ items: Type.Array(Stock), nextCursor }, { title: 'StockPage' })

const LedgerEntry = Type.Object(
  {
    position: position('epoch-sequence'),
    kind: Type.String({ description: 'What changed the stock.', examples: ['reserve'] }),
    occurredAt: time("By Redis' clock.", '2026-12-12T12:00:00.000Z'),
    reservationId: Type.Optional(Type.String({ examples: [reservationId] })),
    lines: Type.Array(
      Type.Object({
        sku,
        quantity: Type.Integer({ description: 'Units moved.', examples: [2] }),
        available: count('Right after.', 88),
        held: count('Right after.', 12),
        sold: count('Right after.', 40),
      }),
    ),
    reason: Type.Optional(Type.String({ description: 'Why stock was adjusted.' })),
    actor: Type.Optional(
      Type.String({
        description:
          'Who changed stock or corrected it: the name of an API key, or `cli:` and the user at the command line. Absent where no key was asked for.',
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
  examples: ['50'],
})

export const StockQuery = Type.Object(
  {
    cursor: Type.Optional(
      Type.String({
        pattern: skuPattern,
        description: 'nextCursor of the page before.',
        examples: ['SNEAKER-42'],
      }),
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
    reservationId: Type.Optional(
      Type.String({ format: 'uuid', description: 'Entries of this reservation.', examples: [reservationId] }),
    ),
    after: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,9}-[0-9]{1,15}$',
        description: 'A position; entries that come after it in the order asked for.',
        examples: ['1-1041'],
      }),
    ),
    order: Type.Optional(
      Type.Enum(['oldest', 'newest'], {
        description: 'Which come first; the oldest when absent.',
        examples: ['newest'],
      }),
    ),
    limit: Type.Optional(limit),
  },
  strict,
)

export const ReconcileBody = Type.Object(
  {
    repair: Type.Optional(
      Type.Boolean({
        description: 'Correct what differs by ledger entries; otherwise nothing is changed.',
        examples: [false],
      }),
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

const driftValue = (description: string, example: number) =>
  Type.Union([Type.Integer(), Type.String(), Type.Null()], { description, examples: [example] })

const Drift = Type.Object(
  {
    sku: Type.Optional(sku),
    reservationId: Type.Optional(Type.String()),
    field: Type.String({
      description:
        'A count, a field of the reservation, what points at it, or `quarantine` for a SKU whose ledger entries are quarantined.',
      examples: ['available'],
    }),
    redis: driftValue('What Redis had at the position; null for nothing.', 93),
    mysql: driftValue("What MySQL's row had at the position; null for nothing.", 88),
    expected: driftValue(
      'What the ledger, or the sum of the reservations, says; null when it cannot tell.',
      88,
    ),
    cause: Type.String({
      description: 'What probably happened.',
      examples: ['The count in Redis was changed outside Holdfast.'],
    }),
    repaired: Type.Boolean({ examples: [false] }),
    unrepaired: Type.Optional(Type.String({ description: 'Why it was not repaired although asked for.' })),
  },
  { title: 'Drift' },
)

export const Reconciliation = Type.Object(
  {
    id: Type.Integer({ examples: [7] }),
    position: position('The newest position compared.'),
    startedAt: time('When it began.', '2026-12-12T12:30:00.000Z'),
    tookMs: Type.Integer({ description: 'Milliseconds.', examples: [214] }),
    repair: Type.Boolean({ description: 'Whether repair was asked for.', examples: [false] }),
    complete: Type.Boolean({
      description:
        'Whether it compared all of the store; false when it was asked about some SKUs, or ended early.',
      examples: [true],
    }),
    checked: Type.Object({
      skus: Type.Integer({ examples: [3] }),
      reservations: Type.Integer({ examples: [6] }),
    }),
    drifted: Type.Array(Drift, { description: 'The first differences.' }),
    driftedTotal: Type.Integer({ description: 'How many differences there were.', examples: [1] }),
    repaired: Type.Integer({ description: 'How many of them were repaired.', examples: [0] }),
  },
  { title: 'Reconciliation' },
)

export const ReconciliationPage = Type.Object(
  { items: Type.Array(Reconciliation), nextCursor },
  { title: 'ReconciliationPage' },
)

const reconciliationId = Type.String({
  pattern: '^[1-9][0-9]{0,8}$',
  description: 'The id of a report.',
  examples: ['7'],
})

export const ReconciliationsQuery = Type.Object(
  { cursor: Type.Optional(reconciliationId), limit: Type.Optional(limit) },
  strict,
)

export const ReconciliationParams = Type.Object({ id: reconciliationId })

export const SkuParams = Type.Object({ sku })
export const IdParams = Type.Object({
  id: Type.String({ description: 'The id of a reservation.', examples: [reservationId] }),
})

export const Health = Type.Object(
  { status: Type.String({ examples: ['alive'] }) },
  { title: 'Health', description: 'The process is alive.' },
)

/** Open to more fields: nothing of a report on what is wrong is left out for want of a schema. */
const open = { additionalProperties: true }

export const Readiness = Type.Object(
  {
    ready: Type.Boolean({ description: 'Whether stock can be changed.', examples: [true] }),
    reasons: Type.Array(Type.String(), {
      description: 'What is wrong, in sentences; `ready` may still be true.',
      examples: [[]],
    }),
    problems: Type.Array(
      Type.Object(
        {
          part: Type.Enum([...readinessParts], { description: 'The part it is about.' }),
          problem: Type.Enum([...readinessProblems], { description: 'What is the matter with it.' }),
          store: Type.Optional(Type.String({ description: 'The store it is about, if it is one.' })),
        },
        open,
      ),
      { description: 'What each reason is about, in the same order.', examples: [[]] },
    ),
    promises: Type.Optional(
      Type.Object(
        {
          holdSurvivesRedisCrash: Type.Boolean({ examples: [true] }),
          confirmSurvivesLossOfEitherStore: Type.Boolean({ examples: [true] }),
        },
        { ...open, description: 'What answers promise on the connected servers.' },
      ),
    ),
    stores: Type.Record(
      Type.String(),
      Type.Object(
        {
          open: Type.Boolean({ description: 'Whether the store is open, and not fenced.' }),
          takesHolds: Type.Boolean({ description: 'Whether new reservations are taken.' }),
          entriesBehind: Type.Union([Type.Integer(), Type.Null()], {
            description: 'Ledger entries that MySQL lacks; null when Redis does not answer.',
          }),
        },
        open,
      ),
      { examples: [{ main: { open: true, takesHolds: true, entriesBehind: 0 } }] },
    ),
  },
  { ...open, title: 'Readiness' },
)

export const Problem = Type.Object(
  {
    type: Type.String({
      description: '`urn:holdfast:` and the code of the refusal.',
      examples: ['urn:holdfast:insufficient-stock'],
    }),
    title: Type.String({ description: 'The same for every problem of the type.' }),
    status: Type.Integer({ description: 'The HTTP status.' }),
    detail: Type.String({ description: 'What happened here, for people.' }),
    lines: Type.Optional(
      Type.Array(Type.Object({ sku, requested: Type.Integer(), available: Type.Integer() }), {
        description: 'Of `insufficient-stock`: every line that is short.',
      }),
    ),
    skus: Type.Optional(
      Type.Array(Type.String(), { description: 'Of `unknown-sku`: those that do not exist.' }),
    ),
    scopes: Type.Optional(
      Type.Array(Type.String(), { description: 'Of `forbidden`: a key needs one of them.' }),
    ),
    held: Type.Optional(Type.Integer({ description: 'Of `below-held`: the units held.' })),
    expiresAtMax: Type.Optional(
      Type.String({ format: 'date-time', description: 'Of `extension-limit`: the latest deadline.' }),
    ),
  },
  { title: 'Problem', description: 'RFC 9457 problem details.', additionalProperties: true },
)

/** Codes and what they say, for people. */
export const problemsOf = (...codes: readonly RefusalCode[]): string =>
  codes.map((code) => `\`${code}\`: ${refusals[code].title}`).join(' ')

/** Refusals that every call of a store may meet. */
const everyCall: readonly RefusalCode[] = [
  'invalid-request',
  'unauthorized',
  'forbidden',
  'forbidden-host',
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

/** What one call answers with: the schema, what it means here, and what its example shows differently. */
export function answer<Schema extends TSchema>(
  schema: Schema,
  description: string,
  shown: Partial<Static<Schema>> = {},
): Schema {
  return { ...schema, description, examples: [{ ...(exampleOf(schema) as object), ...shown }] }
}

/** The `response` part of a route's schema: its answers, then its refusals by status. */
export function answers(
  successes: Readonly<Record<number, TSchema>>,
  refused: readonly RefusalCode[],
): Record<number, unknown> {
  return { ...successes, ...refusalAnswers([...everyCall, ...refused]) }
}

/** Refusals by status, each with an example of the problem that is sent. */
export function refusalAnswers(refused: readonly RefusalCode[]): Record<number, RefusalAnswer> {
  const codesByStatus = new Map<number, RefusalCode[]>()
  for (const code of new Set(refused)) {
    const { status } = refusals[code]
    codesByStatus.set(status, [...(codesByStatus.get(status) ?? []), code])
  }
  const responses: Record<number, RefusalAnswer> = {}
  for (const [status, codes] of codesByStatus) {
    const examples = Object.fromEntries(codes.map((code) => [code, { value: exampleProblem(code) }]))
    responses[status] = {
      description: problemsOf(...codes),
      content: { 'application/problem+json': { schema: Problem, examples } },
    }
  }
  return responses
}

interface RefusalAnswer {
  description: string
  content: Record<string, { schema: TSchema; examples: Record<string, { value: unknown }> }>
}

/** What Redis answers, refusals included, names the position it is true at. */
const positionHeaders = {
  'Holdfast-Position': {
    type: 'string',
    description:
      'The position (epoch-sequence) of the ledger entry after which the answer is true: for a reservation its newest entry, for anything else the newest of the store. Answers can be put in order by it.',
    examples: ['1-1042'],
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
