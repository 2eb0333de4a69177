import {
  type KeyedAdjustment,
  keyedAdjustments,
  reservationPages,
  stockPages,
} from '../ledger/store-contents.js'
import type { StoreLedger, StoreRow } from '../ledger/store-ledger.js'
import { RestoreInterruptedError, type StoreFence } from '../stock/store-fence.js'

export interface RestoreSettings {
  /** How long ended reservations and keys are remembered. */
  retentionSeconds: number
  /** Rows read and written in one step. */
  pageRows: number
  leaseMs: number
}

export interface RestoreResult {
  epoch: number
  skus: number
  reservations: number
}

/**
 * Gives a Redis server that lost the store, or its newest part, what MySQL holds.
 *
 * First the next epoch is claimed in MySQL, which stops every writer and every other restore; then
 * the server is cleared, filled and opened, each step refused if a newer restore has begun. If this
 * process dies on the way, the store stays fenced and the next restore begins anew.
 *
 * @param seen where MySQL stood when the server, its owner, was found to be behind.
 * @returns undefined when another process restores the store.
 * @throws RestoreInterruptedError, or whatever Redis or MySQL fail with.
 */
export async function restoreStore(
  fence: StoreFence,
  ledger: StoreLedger,
  seen: StoreRow,
  owner: string,
  settings: RestoreSettings,
): Promise<RestoreResult | undefined> {
  const { leaseMs, pageRows, retentionSeconds } = settings
  if (!(await fence.takeRestoreLease(owner, leaseMs))) return undefined
  const { server } = seen
  const epoch = await ledger.claimNextEpoch(seen)
  if (epoch === undefined) return undefined
  await fence.clear(server, epoch)
  let skus = 0
  let reservations = 0
  for await (const page of stockPages(ledger, pageRows)) {
    await fence.restoreStock(server, epoch, page)
    skus += page.length
    await holdLease()
  }
  const endedSince = new Date(Date.now() - retentionSeconds * 1000)
  for await (const page of reservationPages(ledger, endedSince, pageRows)) {
    await fence.restoreReservations(server, epoch, page)
    reservations += page.length
    await holdLease()
  }
  const adjustments = await keyedAdjustments(ledger, endedSince)
  for (let first = 0; first < adjustments.length; first += pageRows) {
    await Promise.all(adjustments.slice(first, first + pageRows).map(rememberAdjustment))
    await holdLease()
  }
  // Before it sells: whoever takes over from it must know that it may have.
  if (!(await ledger.markOpened(seen)))
    throw new RestoreInterruptedError('another server took the store over')
  await fence.open(seen, { epoch, sequence: seen.watermark.sequence })
  await fence.endRestoreLease(owner)
  return { epoch, skus, reservations }

  async function rememberAdjustment(adjustment: KeyedAdjustment): Promise<void> {
    const ttlMs = adjustment.occurredAtMs + retentionSeconds * 1000 - Date.now()
    if (ttlMs > 0) await fence.restoreAdjustment(adjustment.idempotencyKey, adjustment, ttlMs)
  }

  async function holdLease(): Promise<void> {
    if (!(await fence.takeRestoreLease(owner, leaseMs))) {
      throw new RestoreInterruptedError('another process has begun to restore the store')
    }
  }
}
