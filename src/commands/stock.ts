import { type Config, ConfigError } from '../config.js'
import { openDatabase } from '../ledger/database.js'
import { StoreLedger } from '../ledger/store-ledger.js'
import { openLog } from '../log.js'
import { FenceWatcher, fenceSettings } from '../recovery/fence-watcher.js'
import { connectRedis } from '../stock/connection.js'
import { StockGate } from '../stock/gate.js'
import { StockReader } from '../stock/stock-reader.js'
import { StoreFence } from '../stock/store-fence.js'
import { readCommandLine } from './command-line.js'
import { openCommandServers } from './command-servers.js'
import { startupError } from './given-servers.js'
import { exportStock } from './stock-export.js'
import { readStockFile } from './stock-file.js'
import { importStock, previewImport } from './stock-import.js'
import { stopSignal } from './stop-signal.js'
import { chosenStores } from './store-arguments.js'

const usage = `holdfast stock export [--file FILE] [--store NAME]
holdfast stock import FILE [--dry-run] [--store NAME]`

interface Arguments {
  verb: 'export' | 'import'
  /** '' for an export to standard output. */
  file: string
  dryRun: boolean
  store: string
}

/**
 * Writes the stock of a store as CSV, or sets it from CSV. A file is read and checked as a whole
 * before anything is set. Needs neither an API nor a worker; MySQL follows when a worker runs.
 *
 * @returns 0 when all of it was done, 1 when some or all of it was not.
 * @throws ConfigError for a file that cannot be used.
 */
export async function runStock(config: Config, args: readonly string[]): Promise<number> {
  const { verb, file, dryRun, store } = readArguments(config, args)
  const lines = verb === 'import' ? await readStockFile(file) : []
  // Before servers are started, which a signal would leave behind.
  const stop = new AbortController()
  stopSignal().then(() => stop.abort())
  const { served, close } = await openCommandServers(config, `stock ${verb}`)
  try {
    return await withOpenStore(served, store, async (gate, reader) => {
      if (verb === 'export') return exportStock(reader, file, stop.signal)
      return dryRun ? previewImport(reader, lines) : importStock(gate, lines, stop.signal)
    })
  } finally {
    await close()
  }
}

/** @throws ConfigError */
function readArguments(config: Config, args: readonly string[]): Arguments {
  const { positionals, values } = parse(args)
  const [verb, path, ...more] = positionals
  const stores = chosenStores(config, values.store)
  const dryRun = values['dry-run'] ?? false
  const isExport = verb === 'export' && path === undefined && !dryRun && values.file !== ''
  const isImport = verb === 'import' && path !== undefined && path !== '' && values.file === undefined
  if (more.length > 0 || !(isExport || isImport)) throw new ConfigError(usage)
  if (stores.length > 1)
    throw new ConfigError('Several stores are configured: say which one with --store NAME.')
  return { verb, file: path ?? values.file ?? '', dryRun, store: stores[0] as string }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = { store: text, file: text, 'dry-run': { type: 'boolean' } } as const
  return readCommandLine(args, { options, allowPositionals: true }, usage)
}

/** Works on a store once its fence is open: opened here if no API or worker has. */
async function withOpenStore(
  config: Config,
  store: string,
  work: (gate: StockGate, reader: StockReader) => Promise<number>,
): Promise<number> {
  const redis = await connectRedis(config.redisUrl, config).catch((error) => {
    throw startupError(error, config)
  })
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: 1,
    connectTimeoutMs: config.connectTimeoutMs,
  })
  const log = openLog('fatal', 'stock')
  const fence = new FenceWatcher(
    new StoreFence(redis, store),
    new StoreLedger(database, store),
    fenceSettings(config),
    log,
  )
  try {
    await fence.start()
    if (fence.reason) {
      console.error(`The store ${store} is fenced: ${fence.reason}. Nothing was done.`)
      return 1
    }
    return await work(new StockGate(redis, store, config), new StockReader(redis, store))
  } finally {
    await fence.stop()
    redis.disconnect()
    await database.$disconnect()
  }
}
