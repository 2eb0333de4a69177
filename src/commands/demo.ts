import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../config.js'
import { naiveCheckout } from '../demo/naive-store.js'
import { footnote, format, renderTable, tableRows } from '../demo/outcome-table.js'
import { writeReport } from '../demo/report-files.js'
import { judge } from '../demo/sale-faults.js'
import { type SaleSettings, sale1212 } from '../demo/sale-plan.js'
import { openProgress } from '../demo/sale-progress.js'
import { type Replay, replaySale } from '../demo/sale-replay.js'
import { renderChart } from '../demo/terminal-chart.js'
import { startPrivateServers } from '../embedded/private-servers.js'
import { startDemoService } from './demo-service.js'
import { startupError } from './given-servers.js'
import { migrateDatabase } from './migrate.js'
import { stopSignal } from './stop-signal.js'

/** What a shell reports of a command that Ctrl-C ended. */
const interrupted = 130

/** Replays the 12.12 sale, without Holdfast and with it. @returns 1 when Holdfast broke its word. */
export async function runDemo(config: Config): Promise<number> {
  const stop = new AbortController()
  stopSignal().then(() => {
    console.log('\nStopping.')
    stop.abort()
  })
  const settings = sale1212
  let end = async () => {}
  try {
    const { served, close } = await openServers(config)
    end = close
    stop.signal.throwIfAborted()
    await migrateDatabase(served)
    console.log(introduce(settings))
    const replay = await replaySale({
      settings,
      store: `demo-${Date.now()}`,
      redisUrl: served.redisUrl,
      databaseUrl: served.databaseUrl,
      connectTimeoutMs: served.connectTimeoutMs,
      commandTimeoutMs: served.commandTimeoutMs,
      startService: (store) => startDemoService(served, store),
      openProgress: openProgress(process.stdout),
      signal: stop.signal,
    })
    await report(settings, replay)
    return judge(replay.holdfast)
  } catch (error) {
    if (stop.signal.aborted) return interrupted
    throw startupError(error, config)
  } finally {
    await end()
  }
}

/** The given servers, or private ones in a folder that no `holdfast start` uses and that goes with them. */
async function openServers(config: Config): Promise<{ served: Config; close(): Promise<void> }> {
  if (config.redisUrl !== '') return { served: config, close: async () => {} }
  const folder = join(resolve(config.dataFolder), 'demo')
  const servers = await startPrivateServers({ folder, progress: (line) => console.log(line) })
  const close = async () => {
    await servers.stop()
    await rm(folder, { recursive: true, force: true })
  }
  const { redisUrl, databaseUrl } = servers
  return { served: { ...config, redisUrl, databaseUrl }, close }
}

function introduce(settings: SaleSettings): string {
  const { customers, items, atOnceMax, ttlSeconds, seed } = settings
  const units = items.reduce((sum, item) => sum + item.units, 0)
  return `
The 12.12 sale: ${format(customers)} customers, ${atOnceMax} at once, want ${items.length} items with ${format(units)} units (seed ${seed}).
Without Holdfast: the store ${naiveCheckout}.
With Holdfast: units are held at checkout, sold at payment, and given back ${ttlSeconds} s later if nobody pays.
`
}

async function report(settings: SaleSettings, replay: Replay): Promise<void> {
  console.log(`\n${renderTable(tableRows(replay))}\n${footnote}\n\n${renderChart(replay)}\n`)
  for (const fault of [...replay.holdfast.differences, ...replay.holdfast.breaches]) console.error(fault)
  try {
    console.log(`Written: ${(await writeReport('docs', settings, replay)).join(', ')}`)
  } catch (error) {
    // An image may be read-only; the figures above are what matters.
    console.log(`Not written: ${error instanceof Error ? error.message : error}`)
  }
}
