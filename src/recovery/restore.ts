import { quarantineReason, readDiscarded, settleDiscarded } from '../ledger/quarantine-queries.js'
import { keyedAdjustments, reservationPages, stockPages } from '../ledger/store-contents.js'
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
  /** The first of those that ended and whose rows in MySQL cannot be read; absent when all can. */
  unreadable?: string[]
}

const unreadableMax = 20

/**
 * Gives a Redis server that lost the store, or its newest part, what MySQL holds.
 *
 * First the next epoch is claimed in MySQL, which stops every writer and every other restore; then
 * the server is cleared, filled and opened, each step refused if a newer restore has begun. If this
 * process dies on the way, the store stays fenced and the next restore begins anew.
 *
 * @param claim claims the next epoch for a server; undefined when somebody else was first.
 * @param owner names this process, in its lease.
 * @returns undefined when another process restores the store.
 * @throws RestoreInterruptedError, or whatever Redis or MySQL fail with.
 */
export async function restoreStore(
  fence: StoreFence,
  ledger: StoreLedger,
  claim: () => Promise<StoreRow | undefined>,
  owner: string,
  settings: RestoreSettings,
): Promise<RestoreResult | undefined> {
  if (!(await fence.takeRestoreLease(owner, settings.leaseMs))) return undefined
  try {
    const claimed = await claim()
    return claimed && (await rebuild(fence, ledger, claimed, owner, settings))
  } finally {
    // A lease that cannot be ended now ends by itself.
    await fence.endRestoreLease(owner).catch(() => {})
  }
}

/**
 * Restores a store by hand: the connected server becomes its owner, whoever owned it, and whatever it
 * holds is replaced by what MySQL holds. An administrator says so, because entries that MySQL lacks are
 * lost with it, and the server that owned the store sells no more.
 *
 * If this process dies after its claim, whoever watches the server carries the restore through.
 *
 * @see restoreStore
 * @throws Error also while the quarantine holds entries that MySQL has not applied.
 */
export async function restoreByHand(
  fence: StoreFence,
  ledger: StoreLedger,
  owner: string,
  settings: RestoreSettings,
): Promise<RestoreResult | undefined> {
  await assertAllApplied(ledger)
  const discarded = await readDiscarded(ledger)
  const claim = async () => {
    const claimed = await ledger.giveTo(await fence.server(), await fence.head())
    // Again, because only from here on no writer adds to it.
    if (claimed) await assertAllApplied(ledger)
    return claimed
  }
  const result = await restoreStore(fence, ledger, claim, owner, settings)
  // Redis has what MySQL has by now, whatever those did.
  if (result) await settleDiscarded(ledger, discarded)
  return result
}

/** What MySQL keeps and has not applied would be lost. What was discarded is given up knowingly. */
async function assertAllApplied(ledger: StoreLedger): Promise<void> {
  const reason = await quarantineReason(ledger, ['malformed', 'waiting'])
  if (reason) throw new Error(`${reason}; see "holdfast quarantine"`)
}

/** @param claimed what the epoch was claimed with: the owner, and what MySQL holds. */
async function rebuild(
  fence: StoreFence,
  ledger: StoreLedger,
  claimed: StoreRow,
  owner: string,
  settings: RestoreSettings,
): Promise<RestoreResult> {
  const { leaseMs, pageRows, retentionSeconds } = settings
  const { server, watermark } = claimed
  const { epoch } = watermark
  await fence.clear(server, epoch)
  for await (const keys of fence.adjustmentKeys()) {
    if (keys.length > 0) await fence.forgetAdjustments(server, epoch, keys)
    await holdLease()
  }
  let skus = 0
  let reservations = 0
  const unreadable: string[] = []
  for await (const page of stockPages(ledger, pageRows)) {
    await fence.restoreStock(server, epoch, page)
    skus += page.length
    await holdLease()
  }
  const nowMs = await fence.now()
  const endedSince = new Date(nowMs - retentionSeconds * 1000)
  for await (const page of reservationPages(ledger, endedSince, pageRows)) {
    await fence.restoreReservations(server, epoch, page)
    reservations += page.length
    for (const { id, state } of page) {
      if (state === 'unreadable' && unreadable.length < unreadableMax) unreadable.push(id)
    }
    await holdLease()
  }
  const adjustments = (await keyedAdjustments(ledger, endedSince))
    .map((each) => ({ ...each, ttlMs: each.occurredAtMs + retentionSeconds * 1000 - nowMs }))
    .filter(({ ttlMs }) => ttlMs > 0)
  for (let first = 0; first < adjustments.length; first += pageRows) {
    await fence.restoreAdjustments(server, epoch, adjustments.slice(first, first + pageRows))
    await holdLease()
  }
  await holdLease()
  // Before it sells: whoever takes over from it must know that it may have.
  if (!(await ledger.markOpened(claimed))) {
    throw new RestoreInterruptedError('another server took the store over')
  }
  // The lease is not renewed any more: whoever has taken it since may have looked, and found the store closed.
  await fence.open(claimed, watermark, owner)
  return { epoch, skus, reservations, ...(unreadable.length > 0 && { unreadable }) }

  async function holdLease(): Promise<void> {
    if (!(await fence.takeRestoreLease(owner, leaseMs))) {
      throw new RestoreInterruptedError('another process has begun to restore the store')
    }
  }
}
