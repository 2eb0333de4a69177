import type { LedgerEntry } from '../domain/ledger-entry.js'
import { isReadable, type LedgerItem } from '../domain/ledger-record.js'
import { formatPosition, origin, type Position } from '../domain/position.js'
import type { PersistedEntry } from '../ledger/ledger-queries.js'
import { type DiscardedEntry, readDiscarded } from '../ledger/quarantine-queries.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import { ForeignRecordError, type LedgerStream } from '../stock/ledger-stream.js'
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
  /** Entries that were given up and that MySQL lacks. */
  discarded: DiscardedEntry[]
}

/** The entries of Redis that MySQL does not hold. */
export interface LostEntries {
  /** How many of each kind. */
  byKind: Map<string, number>
  /** The first ones, payments before all others. */
  listed: LedgerEntry[]
  /** Changes that MySQL lacks and that are no longer in the ledger of Redis: MySQL was set back. */
  forgotten: number
  /** The id of the first record that cannot be read, or of the entry in it. */
  unreadableAt: string | undefined
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
    discarded: await readDiscarded(ledger),
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
  let unreadableAt: string | undefined
  const foreign = (id: string) => {
    unreadableAt ??= id
  }
  for await (const items of readStream(stream, foreign)) {
    first ??= items[0]?.position
    const unreadable = items.find((item) => !isReadable(item))
    if (unreadable) unreadableAt ??= formatPosition(unreadable.position)
    for (const entry of await withoutHeld(ledger, items.filter(isReadable))) {
      byKind.set(entry.kind, (byKind.get(entry.kind) ?? 0) + 1)
      const list = entry.kind === 'confirm' || entry.kind === 'reacquire' ? payments : others
      if (list.length < listedMax) list.push(entry)
    }
  }
  const oldest = first?.sequence ?? end.sequence + 1
  return {
    byKind,
    listed: [...payments, ...others].slice(0, listedMax),
    forgotten: Math.max(0, oldest - 1 - watermark.sequence),
    unreadableAt,
  }
}

/** @param foreign told of a record that somebody else wrote; what stands behind it is not read. */
async function* readStream(
  stream: LedgerStream,
  foreign: (id: string) => void,
): AsyncGenerator<LedgerItem[]> {
  let after = origin
  for (;;) {
    const items = await stream.read(after, linesPerStep).catch((error: unknown) => {
      if (!(error instanceof ForeignRecordError)) throw error
      foreign(error.id)
      return []
    })
    const last = items.at(-1)
    if (!last) return
    yield items
    after = last.position
  }
}

/**
 * The entries that MySQL does not hold. Two servers that were both owners for a while have different
 * entries at the same position, so they are compared by what they say.
 */
async function withoutHeld(ledger: StoreLedger, entries: readonly LedgerEntry[]): Promise<LedgerEntry[]> {
  if (!entries[0]) return []
  const { epoch, sequence } = entries[0].position
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
