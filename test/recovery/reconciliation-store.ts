import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { Api } from '../../src/api.js'
import { isRefusal } from '../../src/domain/outcomes.js'
import { comparePositions } from '../../src/domain/position.js'
import type { ReconciliationReport } from '../../src/domain/reconciliation.js'
import type { Reservation } from '../../src/domain/reservation.js'
import type { StoreServices } from '../../src/http/store-services.js'
import type { Worker } from '../../src/worker.js'
import { eventually, openTestStore, type TestStore } from '../support/test-store.js'

/** A store with an API and a worker, and the ways in which these tests use and damage it. */
export interface ReconciledStore extends TestStore {
  service: Api
  services: StoreServices
  work: Worker
  hold(sku: string, quantity?: number, ttlSeconds?: number): Promise<Reservation>
  /** Runs the reconciler and fails the test when it is refused. */
  reconcile(repair?: boolean): Promise<ReconciliationReport>
  /** Resolves when MySQL holds all that Redis holds. */
  caughtUp(): Promise<void>
  /** The reasons of the ledger's corrections of a SKU's counts or of a reservation, in order. */
  corrections(of: { sku?: string; reservationId?: string }): Promise<string[]>
}

export async function openReconciledStore(): Promise<ReconciledStore> {
  const store = await openTestStore({ reconcileSeconds: 0 })
  const service = await store.api()
  const work = await store.worker()
  const services = service.stores.get(store.name) as StoreServices
  await eventually(() => services.fence.reason === undefined, 'the store is open')
  return {
    ...store,
    service,
    services,
    work,
    hold: async (sku, quantity = 1, ttlSeconds = 900) => {
      const request = { customerId: 'c', orderId: undefined, ttlSeconds, lines: [{ sku, quantity }] }
      const held = await services.gate.reserve(request, undefined)
      if (isRefusal(held)) throw new Error(held.refused)
      return held.reservation
    },
    reconcile: async (repair = false) => {
      const report = await services.reconciler.run({ repair })
      expect(report).not.toHaveProperty('refused')
      return report as ReconciliationReport
    },
    caughtUp: () => caughtUp(services),
    corrections: async ({ sku, reservationId }) => {
      await caughtUp(services)
      const rows = await store.database.ledgerLine.findMany({
        where: {
          kind: 'correct',
          ...(sku !== undefined && { sku, reservationId: null }),
          ...(reservationId !== undefined && { reservationId }),
        },
        orderBy: { sequence: 'asc' },
      })
      for (const { quantity } of rows) expect(quantity).toBe(0n)
      return rows.map(({ reason }) => reason ?? '')
    },
  }
}

async function caughtUp({ reader, watermark }: StoreServices): Promise<void> {
  const position = await reader.position()
  if (!position) throw new Error('the store is empty')
  await eventually(() => comparePositions(position, watermark.current) <= 0, 'MySQL has caught up')
}

const pauseMs = 10

/**
 * Clients that hold, pay, extend and give back, and a shelf that is counted, until they are stopped. They pause
 * between their calls: making reservations as fast as the machine can, they would make them faster than a run that
 * shares their thread compares them, and each run would take longer than the one before.
 */
export function startLoad(
  { services }: ReconciledStore,
  skus: readonly string[],
): { calls(): number; stop(): Promise<void> } {
  let running = true
  let calls = 0
  const { gate } = services
  const client = async (seed: number) => {
    for (let turn = seed; running; turn++) {
      await delay(pauseMs)
      const lines = [...new Set([skus[turn % skus.length], skus[(turn * 7) % skus.length]])]
        .sort()
        .map((sku) => ({ sku: sku as string, quantity: 1 + (turn % 3) }))
      const request = {
        customerId: `c${seed}`,
        orderId: undefined,
        ttlSeconds: turn % 5 === 0 ? 1 : 900,
        lines,
      }
      const held = await gate.reserve(request, turn % 2 === 0 ? `key-${seed}-${turn}` : undefined)
      calls++
      if (isRefusal(held)) continue
      const { id } = held.reservation
      if (turn % 5 === 1) await gate.extend(id, 1000)
      if (turn % 5 === 2) await gate.confirm(id, `p-${id}`, 'refuse')
      if (turn % 5 >= 3) await gate.release(id)
      if (turn % 50 === 7) await gate.adjustStock(skus[turn % skus.length] as string, 25, 'found', undefined)
    }
  }
  const clients = Array.from({ length: 16 }, (_, seed) => client(seed * 1000))
  return {
    calls: () => calls,
    stop: async () => {
      running = false
      await Promise.all(clients)
    },
  }
}
