import { type LedgerEntry, MalformedEntryError } from '../domain/ledger-entry.js'
import { formatPosition, origin, type Position } from '../domain/position.js'
import type { PersistedEntry } from '../ledger/ledger-queries.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { LedgerStream } from '../stock/ledger-stream.js'
import type { StoreFence, StoreHead } from '../stock/store-fence.js'

/** What a restore of a store by hand would find, and what would be lost with it. */
export interface RestorePreview {
  /** The run id of the connected Redis server. */
  server: string
  head: StoreHead
  /** Up to where MySQL holds the ledger; epoch 0 when it holds nothing of the store. */
  watermark: Position
  /** Whether MySQL names another Redis server as the owner, which may be selling. */
  ownedElsewhere: boolean
  lost: LostEntries
}

/** The entries of Redis that MySQL does not hold. */
export interface LostEntries {
  /** How many of each kind. */
  byKind: Map<string, number>
  /** The first ones, payments before all others. */
  listed: LedgerEntry[]
  /** Changes that MySQL lacks and that are no longer in the ledger of Redis: MySQL was set back. */
  forgotten: number
  /** Where an entry cannot be read; what follows it was not looked at. */
  unreadableAt: Position | undefined
}

const linesPerStep = 2000
const listedMax = 20

/** Changes nothing. @throws whatever Redis or MySQL fail with. */
export async function previewRestore(
  fence: StoreFence,
  ledger: StoreLedger,
  stream: LedgerStream,
): Promise<RestorePreview> {
  const server = await fence.server()
  const head = await fence.head()
  const { watermark, server: owner } = await ledger.row()
  return {
    server,
    head,
    watermark,
    ownedElsewhere: owner !== '' && owner !== server,
    lost: await findLost(ledger, stream, watermark, head.position ?? origin),
  }
}

async function findLost(
  ledger: StoreLedger,
  stream: LedgerStream,
  watermark: Position,
  end: Position,
): Promise<LostEntries> {
  const byKind = new Map<string, number>()
  const payments: LedgerEntry[] = []
  const others: LedgerEntry[] = []
  let first: Position | undefined
  let unreadableAt: Position | undefined
  try {
    for await (const entries of readStream(stream)) {
      first ??= entries[0]?.position
      for (const entry of await withoutHeld(ledger, entries)) {
        byKind.set(entry.kind, (byKind.get(entry.kind) ?? 0) + 1)
        const list = entry.kind === 'confirm' || entry.kind === 'reacquire' ? payments : others
        if (list.length < listedMax) list.push(entry)
      }
    }
  } catch (error) {
    if (!(error instanceof MalformedEntryError)) throw error
    unreadableAt = error.position
  }
  const oldest = (first ?? unreadableAt)?.sequence ?? end.sequence + 1
  return {
    byKind,
    listed: [...payments, ...others].slice(0, listedMax),
    forgotten: Math.max(0, oldest - 1 - watermark.sequence),
    unreadableAt,
  }
}

async function* readStream(stream: LedgerStream): AsyncGenerator<LedgerEntry[]> {
  let after = origin
  for (;;) {
    const entries = await stream.read(after, linesPerStep)
    const last = entries.at(-1)
    if (!last) return
    yield entries
    after = last.position
  }
}

/**
 * The entries that MySQL does not hold. Two servers that were both owners for a while have different
 * entries at the same position, so they are compared by what they say.
 */
async function withoutHeld(ledger: StoreLedger, entries: readonly LedgerEntry[]): Promise<LedgerEntry[]> {
  const { epoch, sequence } = (entries[0] as LedgerEntry).position
  const after = { epoch, sequence: sequence - 1 }
  const persisted = new Map<string, PersistedEntry>()
  for (const each of await ledger.entries({ after, limit: entries.length })) {
    persisted.set(formatPosition(each.position), each)
  }
  return entries.filter((entry) => {
    const held = persisted.get(formatPosition(entry.position))
    return !held || summarize(held, held.occurredAt.getTime(), held.reservationId) !== summarizeOwn(entry)
  })
}

function summarizeOwn(entry: LedgerEntry): string {
  return summarize(entry, entry.occurredAtMs, entry.reservation?.id)
}

function summarize(
  { kind, lines }: Pick<LedgerEntry, 'kind' | 'lines'>,
  atMs: number,
  reservationId: string | undefined,
): string {
  const moves = lines.map((l) => [l.sku, l.quantity, l.available, l.held, l.sold].join(':'))
  return [kind, atMs, reservationId ?? '', ...moves].join(' ')
}
