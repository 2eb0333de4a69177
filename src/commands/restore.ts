import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Config } from '../config.js'
import type { LedgerEntry } from '../domain/ledger-entry.js'
import { formatPosition } from '../domain/position.js'
import { formatLines } from '../domain/reservation.js'
import { type Database, openDatabase } from '../ledger/database.js'
import { StoreLedger } from '../ledger/store-ledger.js'
import { fenceSettings } from '../recovery/fence-watcher.js'
import { restoreByHand } from '../recovery/restore.js'
import { type LostEntries, previewRestore, type RestorePreview } from '../recovery/restore-preview.js'
import { connectRedis } from '../stock/connection.js'
import { LedgerStream } from '../stock/ledger-stream.js'
import { StoreFence } from '../stock/store-fence.js'
import { readCommandLine } from './command-line.js'
import { reachServers, reasonOf, startupError } from './given-servers.js'
import { chosenStores } from './store-arguments.js'

/** Exit statuses: restored; not restored, or not asked to. */
const restored = 0
const notRestored = 1

/**
 * Says what a restore of Redis from MySQL would do, and does it with `--yes`. It is safe beside running
 * APIs and workers, which answer 503 meanwhile, and beside other restores.
 */
export async function runRestore(given: Config, args: readonly string[]): Promise<number> {
  const { yes, stores } = readArguments(given, args)
  const config = await reachServers(given, 'restore')
  const redis = await connectRedis(config.redisUrl, config).catch((error) => {
    throw startupError(error, config)
  })
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: config.databaseConnectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
    isPatient: true,
  })
  try {
    let status = restored
    for (const store of stores) {
      if ((await restore(config, redis, database, store, yes)) !== restored) status = notRestored
    }
    return status
  } finally {
    redis.disconnect()
    await database.$disconnect()
  }
}

/** @throws ConfigError */
function readArguments(config: Config, args: readonly string[]): { yes: boolean; stores: string[] } {
  const options = { yes: { type: 'boolean' }, store: { type: 'string' } } as const
  const { values } = readCommandLine(args, { options }, 'holdfast restore [--yes] [--store NAME]')
  return { yes: values.yes ?? false, stores: chosenStores(config, values.store) }
}

async function restore(
  config: Config,
  redis: Redis,
  database: Database,
  store: string,
  yes: boolean,
): Promise<number> {
  const fence = new StoreFence(redis, store)
  const ledger = new StoreLedger(database, store)
  try {
    const preview = await previewRestore(fence, ledger, new LedgerStream(redis, redis, store))
    console.log(renderPreview(store, address(redis), preview))
    if (preview.watermark.epoch === 0) {
      console.error(`MySQL holds nothing of the store ${store}, so there is nothing to restore it from.`)
      return notRestored
    }
    if (!yes) {
      console.log('Nothing was changed. Run with --yes to restore.')
      return notRestored
    }
    const result = await restoreByHand(fence, ledger, randomUUID(), fenceSettings(config))
    if (!result) {
      console.error(`The store ${store} was not restored: another process is at it. Look again.`)
      return notRestored
    }
    const { epoch, skus, reservations, unreadable = [] } = result
    console.log(`Restored as epoch ${epoch}: ${skus} SKUs and ${reservations} reservations.`)
    if (unreadable.length > 0) {
      console.error(
        `Reservations that ended and cannot be read in MySQL: ${unreadable.join(', ')}. Mend their rows, then run "holdfast reconcile --repair".`,
      )
    }
    return restored
  } catch (error) {
    console.error(`The store ${store} was not restored: ${reasonOf(error)}. Run the command again.`)
    return notRestored
  }
}

function renderPreview(store: string, at: string, preview: RestorePreview): string {
  const { head, watermark, ownedElsewhere, lost, discarded } = preview
  const epoch = Math.max(head.epoch, watermark.epoch) + 1
  return [
    `Store ${store}`,
    `  Redis   ${at}, run id ${preview.server}: ${describe(preview)}`,
    `  MySQL   holds the ledger up to ${formatPosition(watermark)}`,
    `  A restore drops what this Redis holds of the store and writes what MySQL holds, as epoch ${epoch}.`,
    ...(ownedElsewhere
      ? [
          '  Another Redis server owns the store. It sells no more once the store is restored here, and what it',
          '  sold and MySQL does not hold by then is lost: stop what still runs on it first.',
        ]
      : []),
    ...discarded.map(({ position, skus }) => {
      const of = skus ? `SKUs ${skus.join(', ')}` : 'SKUs unknown'
      return `  MySQL lacks the entry ${formatPosition(position)}, which was discarded (${of}): units that it sold count as available.`
    }),
    ...renderLost(lost).map((line) => `  ${line}`),
  ].join('\n')
}

function describe({ head }: RestorePreview): string {
  if (!head.position) return 'holds nothing of the store'
  const at = `at ${formatPosition(head.position)}`
  if (head.superseded) return `${at}, and another server has taken the store over from it`
  return head.open ? `${at}, and open` : `${at}, and fenced`
}

function renderLost({ byKind, listed, forgotten, unreadableAt }: LostEntries): string[] {
  const count = [...byKind.values()].reduce((sum, each) => sum + each, 0)
  const lines: string[] = []
  if (count > 0) {
    const kinds = [...byKind].map(([kind, each]) => `${each} ${kind}`).join(', ')
    lines.push(`LOST would be ${count} ledger entries that MySQL does not hold: ${kinds}`)
    lines.push(...listed.map((entry) => `  ${renderEntry(entry)}`))
    if (listed.length < count) lines.push(`  ... and ${count - listed.length} more`)
  }
  if (forgotten > 0) {
    lines.push(
      `LOST would be ${forgotten} older changes that MySQL does not hold either: it was set back behind them.`,
    )
  }
  if (unreadableAt) {
    lines.push(`The entry at ${unreadableAt} cannot be read, and perhaps others behind it.`)
  }
  return lines.length > 0 ? lines : ['Nothing would be lost: MySQL holds every entry that Redis has.']
}

function renderEntry({ position, kind, reservation, lines, actor }: LedgerEntry): string {
  const of = reservation ? ` ${reservation.id} ${formatLines(reservation.lines)}` : ''
  const moved = lines.map(({ sku, quantity }) => `${sku}:${quantity}`).join(',')
  const paid = reservation?.paymentRef === undefined ? '' : ` payment ${reservation.paymentRef}`
  const by = actor === undefined ? '' : ` by ${actor}`
  // What a damaged ledger holds must not reach the terminal as control sequences.
  return `${formatPosition(position)} ${kind}${of === '' ? ` ${moved}` : of}${paid}${by}`.replace(
    /\p{Cc}/gu,
    '?',
  )
}

/** Without the password that the URL may hold. */
function address({ options }: Redis): string {
  return `${options.host}:${options.port}`
}
