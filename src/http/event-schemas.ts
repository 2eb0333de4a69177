import { Type } from 'typebox'
import { skuPattern } from '../domain/limits.js'
import { Stock } from './schemas.js'

/** SKUs that one stream may watch. */
export const skusWatchedMax = 100

const strict = { additionalProperties: false }
const rate = (description: string) => Type.Number({ minimum: 0, description })
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
    at: Type.String({ format: 'date-time' }),
    perSecond: Type.Object(
      {
        holds: rate('Reservations made.'),
        refusals: rate('Holds refused for want of stock, or of the SKU.'),
        confirms: rate('Reservations paid.'),
        releases: rate('Reservations given back.'),
        expiries: rate('Reservations that ran out.'),
      },
      { description: 'Of the whole store, over all processes.' },
    ),
    persistence: Type.Object({
      entries: unlessAway(Type.Number({ minimum: 0 }), 'Ledger entries that MySQL lacks.'),
      seconds: unlessAway(Type.Number({ minimum: 0 }), 'How long the oldest of them has waited.'),
    }),
    expiryLagSeconds: unlessAway(
      Type.Number({ minimum: 0 }),
      'How long the oldest overdue reservation has been due.',
    ),
    totals: Type.Optional(Type.Object({ skus: Type.Integer({ minimum: 0 }) })),
    readiness: Type.Optional(Type.Unknown({ description: 'What `/readyz` answers.' })),
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
    id: Type.String({ format: 'uuid', description: 'Of the run.' }),
    phase: Type.Enum(['stock', 'reservations', 'sums']),
    checked: Type.Integer({ minimum: 0, description: 'Items of the phase that were compared.' }),
    total: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Items of the phase, about; absent where none are counted.' }),
    ),
    drifted: Type.Integer({ minimum: 0, description: 'Differences found so far.' }),
    done: Type.Boolean(),
  },
  { title: 'ReconciliationProgress' },
)

const ReplaySide = Type.Object({
  accepted: Type.Integer({ description: 'Orders that were paid.' }),
  refused: Type.Integer({ description: 'Customers who found nothing.' }),
  cancelled: Type.Integer({ description: 'Paid orders whose units are not there.' }),
  available: Type.Integer({ description: 'Units that the store says it has; may be negative.' }),
})

export const ReplayProgress = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    second: Type.Number({ minimum: 0, description: 'Since the sale began.' }),
    naive: ReplaySide,
    holdfast: ReplaySide,
    stock: Type.Integer({ description: 'Units on sale.' }),
    done: Type.Boolean(),
    failed: Type.Optional(Type.String({ description: 'Why it did not come to its end.' })),
  },
  { title: 'ReplayProgress' },
)

export const ReplayParams = Type.Object({ id: Type.String({ description: 'The id of a replay.' }) })

const event = (name: string, data: ReturnType<typeof Type.Object>) =>
  Type.Object({ event: Type.Literal(name), data })

/** What stands in the lines `event:` and `data:` of each event. */
export const StoreEvent = Type.Union(
  [
    event('history', History),
    event('pulse', Pulse),
    event('stock', StockChanges),
    event('reconciliation', ReconciliationProgress),
    event('replay', ReplayProgress),
    event('closing', Type.Object({}, { description: 'The process stops: come back.' })),
  ],
  { title: 'StoreEvent' },
)

export const ConsoleInfo = Type.Object(
  {
    version: Type.String(),
    stores: Type.Array(Type.String(), { description: 'Those that the key may see.' }),
    store: Type.String({ description: 'The one this answer is about.' }),
    replay: Type.Boolean({ description: 'Whether the 12.12 sale can be replayed here.' }),
    keyName: Type.Union([Type.String(), Type.Null()], { description: 'Of the key of the call.' }),
    scopes: Type.Array(Type.String(), { description: 'What the key may do.' }),
  },
  { title: 'ConsoleInfo' },
)
