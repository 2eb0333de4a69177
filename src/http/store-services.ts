import type { ExpiryScheduler } from '../expiry/expiry-scheduler.js'
import type { StoreLedger } from '../ledger/store-ledger.js'
import type { LiveFeed } from '../live/live-feed.js'
import type { FenceWatcher } from '../recovery/fence-watcher.js'
import type { MemoryGuard } from '../recovery/memory-guard.js'
import type { Reconciler } from '../recovery/reconciler.js'
import type { StockGate } from '../stock/gate.js'
import type { RefusalSums } from '../stock/refusal-sums.js'
import type { StockReader } from '../stock/stock-reader.js'
import type { WatermarkFeed } from '../stock/watermark-feed.js'

/** What the API needs of each store it serves. */
export interface StoreServices {
  gate: StockGate
  reader: StockReader
  ledger: StoreLedger
  watermark: WatermarkFeed
  scheduler: ExpiryScheduler
  fence: FenceWatcher
  guard: MemoryGuard
  reconciler: Reconciler
  refusals: RefusalSums
  live: LiveFeed
}
