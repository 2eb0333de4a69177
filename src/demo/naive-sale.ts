import { serveCrowd } from './crowd.js'
import type { NaiveStore } from './naive-store.js'
import { type SaleOutcome, summariseSale } from './sale-outcome.js'
import type { Customer, SaleSettings } from './sale-plan.js'
import type { SaleProgress } from './sale-progress.js'

/**
 * Sends the crowd through the checkout that reads, decides and writes. Who is refused goes home:
 * nothing is held here, so nothing ever comes back. Nobody sends a checkout twice either, so that
 * the race for the count is the only thing that goes wrong.
 */
export async function runNaiveSale(
  store: NaiveStore,
  customers: readonly Customer[],
  settings: SaleSettings,
  progress: SaleProgress,
  signal: AbortSignal,
): Promise<SaleOutcome> {
  await store.open(settings.items)
  const beganMs = performance.now()
  await serveCrowd(customers, settings, signal, async (customer) => {
    const outcome = await store.checkOut(customer)
    progress.leaves(outcome, customer.cart)
  })
  const seconds = (performance.now() - beganMs) / 1000
  return summariseSale({
    items: settings.items,
    orders: await store.readOrders(),
    // Counts only ever fall here, so the last is the lowest.
    lowestCounts: await store.readCounts(),
    customers: customers.length,
    checkoutsPerSecond: customers.length / seconds,
    seconds,
  })
}
