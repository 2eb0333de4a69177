import { Type } from 'typebox'
import { skuPattern } from '../domain/limits.js'
import { Stock } from './schemas.js'

/** SKUs that one stream may watch. */
export const skusWatchedMax = 100

const strict = { additionalProperties: false }
const rate = (description: string, example: number) =>
  Type.Number({ minimum: 0, description, examples: [example] })
const unlessAway = <T extends ReturnType<typeof Type.Number>>(figure: T, description: string) =>
  Type.Union([figure, Type.Null()], { description: `${description} Null while Redis does not answer.` })

export const EventsQuery = Type.Object(
  {
    skus: Type.Optional(
      Type.String({
        pattern: `^${skuPattern.slice(1, -1)}(,${skuPattern.slice(1, -1)}){0,${skusWatchedMax - 1}}$`,
        description: `Up to ${skusWatchedMax} SKUs whose counts are sent as they change, joined by commas.`,
        examples: ['SNEAKER-42,CONSOLE-5'],
      }),
    ),
  },
  strict,
)

export const Pulse = Type.Object(
  {
    at: Type.String({ format: 'date-time', examples: ['2026-12-12T12:00:01.000Z'] }),
    perSecond: Type.Object(
      {
        holds: rate('Reservations made.', 212),
        refusals: rate('Holds refused for want of stock, or of the SKU.', 14),
        confirms: rate('Reservations paid.', 187),
        releases: rate('Reservations given back.', 6),
        expiries: rate('Reservations that ran out.', 9),
      },
      { description: 'Of the whole store, over all processes.' },
    ),
    persistence: Type.Object({
      entries: unlessAway(Type.Number({ minimum: 0, examples: [31] }), 'Ledger entries that MySQL lacks.'),
      seconds: unlessAway(
        Type.Number({ minimum: 0, examples: [0.08] }),
        'How long the oldest of them has waited.',
      ),
    }),
    expiryLagSeconds: unlessAway(
      Type.Number({ minimum: 0, examples: [0] }),
      'How long the oldest overdue reservation has been due.',
    ),
    totals: Type.Optional(Type.Object({ skus: Type.Integer({ minimum: 0, examples: [1240] }) })),
    readiness: Type.Optional(
      Type.Unknown({ description: 'What `/readyz` answers.', examples: [{ ready: true, reasons: [] }] }),
    ),
  },
  { title: 'Pulse', description: 'One second of a store.' },
)

export const History = Type.Object(
  { pulses: Type.Array(Pulse, { description: 'Those of the last minutes before the stream began.' }) },
  { title: 'History' },
)

export const StockChanges = Type.Object({ items: Type.Array(Stock) }, { title: 'StockChanges' })

export const ReconciliationProgress = Type.Object(
  {
    id: Type.String({
      format: 'uuid',
      description: 'Of the run.',
      examples: ['5f0c7a3e-5d1f-4b0e-9a57-0d5c2f1c8a11'],
    }),
    phase: Type.Enum(['stock', 'reservations', 'sums']),
    checked: Type.Integer({
      minimum: 0,
      description: 'Items of the phase that were compared.',
      examples: [400],
    }),
    total: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Items of the phase, about; absent where none are counted.',
        examples: [1240],
      }),
    ),
    drifted: Type.Integer({ minimum: 0, description: 'Differences found so far.', examples: [0] }),
    done: Type.Boolean({ examples: [false] }),
  },
  { title: 'ReconciliationProgress' },
)

const ReplaySide = Type.Object({
  accepted: Type.Integer({ description: 'Orders that were paid.', examples: [412] }),
  refused: Type.Integer({ description: 'Customers who found nothing.', examples: [88] }),
  cancelled: Type.Integer({ description: 'Paid orders whose units are not there.', examples: [0] }),
  available: Type.Integer({
    description: 'Units that the store says it has; may be negative.',
    examples: [31],
  }),
})

export const ReplayProgress = Type.Object(
  {
    id: Type.String({ format: 'uuid', examples: ['b3a1f0c2-7d1e-4c7b-8a55-0f6f2f1f9d10'] }),
    second: Type.Number({ minimum: 0, description: 'Since the sale began.', examples: [7.5] }),
    naive: ReplaySide,
    holdfast: ReplaySide,
    stock: Type.Integer({ description: 'Units on sale.', examples: [600] }),
    done: Type.Boolean({ examples: [false] }),
    failed: Type.Optional(Type.String({ description: 'Why it did not come to its end.' })),
  },
  { title: 'ReplayProgress' },
)

export const ReplayParams = Type.Object({
  id: Type.String({
    description: 'The id of a replay.',
    examples: ['b3a1f0c2-7d1e-4c7b-8a55-0f6f2f1f9d10'],
  }),
})

const event = (name: string, data: ReturnType<typeof Type.Object>) =>
  Type.Object({ event: Type.Literal(name), data })

export const storeEventExample = {
  event: 'stock',
  data: { items: [{ sku: 'SNEAKER-42', available: 98, held: 2, sold: 0, onHand: 100 }] },
}

/** What stands in the lines `event:` and `data:` of each event. */
export const StoreEvent = Type.Union(
  [
    event('history', History),
    event('pulse', Pulse),
    event('stock', StockChanges),
    event('reconciliation', ReconciliationProgress),
    event('replay', ReplayProgress),
    event('unauthorized', Type.Object({}, { description: 'The key is no longer valid: come with another.' })),
    event('closing', Type.Object({}, { description: 'The process stops: come back.' })),
  ],
  { title: 'StoreEvent' },
)

export const ConsoleInfo = Type.Object(
  {
    version: Type.String({ examples: ['0.1.0'] }),
    stores: Type.Array(Type.String({ examples: ['main'] }), { description: 'Those that the key may see.' }),
    store: Type.String({ description: 'The one this answer is about.', examples: ['main'] }),
    replay: Type.Boolean({ description: 'Whether the 12.12 sale can be replayed here.', examples: [false] }),
    keyName: Type.Union([Type.String({ examples: ['office'] }), Type.Null()], {
      description: 'Of the key of the call.',
    }),
    scopes: Type.Array(Type.String({ examples: ['console'] }), { description: 'What the key may do.' }),
  },
  { title: 'ConsoleInfo' },
)
