import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { formatPosition, origin, type Position, parsePosition } from '../domain/position.js'
import { type StoreKeys, storeKeys } from './keys.js'
import { ForeignRecordError } from './ledger-stream.js'

/** A record of the ledger, as somebody sees it who follows its end. */
export interface TailRecord {
  /** Of its newest entry. */
  position: Position
  /** Each as the script wrote it. */
  entries: string[]
  /**
   * How many entries right before these were trimmed before they could be read; `unknown` for the first
   * record of an epoch.
   */
  missed: number | 'unknown'
}

/** For less than a connection's `commandTimeoutMs`. */
const blockMs = 1000
const retryMs = 250
/** A record holds up to a batch of the gate. */
const recordsPerReadMax = 50

/**
 * The newest entries of a store's ledger as they are written, for those who watch it. Nothing depends on
 * it: what is written while the connection is lost is passed over, and what MySQL holds may be trimmed
 * before it is read here.
 *
 * @param redis any connection to the store's server.
 * @param connect opens a connection of its own, which a read may block.
 * @param begins called when the tail is read from its end: at first, and whenever the connection was lost.
 */
export async function* followLedger(
  redis: Redis,
  connect: () => Promise<Redis>,
  store: string,
  begins: () => void,
  signal: AbortSignal,
): AsyncGenerator<TailRecord[]> {
  const keys = storeKeys(store)
  let waiting: Redis | undefined
  const disconnect = () => waiting?.disconnect()
  signal.addEventListener('abort', disconnect)
  try {
    while (!signal.aborted) {
      try {
        waiting ??= await connect()
        if (signal.aborted) return
        let last = await readEnd(redis, keys)
        begins()
        while (!signal.aborted) {
          const records = await readAfter(waiting, keys, last)
          if (records.length === 0) continue
          last = (records.at(-1) as TailRecord).position
          yield records
        }
      } catch {
        await delay(retryMs, undefined, { signal }).catch(() => {})
      }
    }
  } finally {
    signal.removeEventListener('abort', disconnect)
    disconnect()
  }
}

async function readEnd(redis: Redis, keys: StoreKeys): Promise<Position> {
  const [epoch, sequence] = await redis.hmget(keys.position, 'epoch', 'sequence')
  return epoch && sequence ? { epoch: Number(epoch), sequence: Number(sequence) } : origin
}

async function readAfter(waiting: Redis, keys: StoreKeys, after: Position): Promise<TailRecord[]> {
  const id = formatPosition(after)
  const reply = await waiting.xread('COUNT', recordsPerReadMax, 'BLOCK', blockMs, 'STREAMS', keys.ledger, id)
  const records: TailRecord[] = []
  let last = after
  for (const [recordId, fields] of reply?.[0]?.[1] ?? []) {
    const position = parsePosition(recordId)
    // The ledger writer reports it. Passed over, it would be read again at once, for ever.
    if (!position) throw new ForeignRecordError(recordId)
    const entries = fields.filter((_, i) => i > 2 && i % 2 === 1)
    const missed =
      last.epoch === position.epoch
        ? Math.max(0, position.sequence - entries.length - last.sequence)
        : 'unknown'
    records.push({ position, entries, missed })
    last = position
  }
  return records
}
