import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { commands } from './model/commands.js'
import { StockModel } from './model/stock-model.js'
import { EagerStream, StoreUnderTest } from './model/store-under-test.js'
import { openBriefStore } from './support/brief-store.js'
import { expectInvariants } from './support/invariants.js'
import { seed } from './support/seed.js'
import type { TestStore } from './support/test-store.js'

/** Not whole minutes, so that no extension of whole minutes ends exactly there. */
const holdSecondsMax = 250
const retentionSeconds = 300
const runsMin = 10

describe('the service and a model of it in plain maps', () => {
  let store: TestStore

  beforeAll(async () => {
    store = await openBriefStore({ holdSecondsMax, retentionSeconds, confirmWaitMs: 0 })
  })

  test('answer every call alike and agree on every count and reservation', { timeout: 120_000 }, async () => {
    const api = await store.api()
    const stream = new EagerStream(store.redis, store.redis, store.name)
    let runs = 0
    let commandsRun = 0
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 100, size: '+1' }), async (sequence) => {
        const real = new StoreUnderTest(store, api, stream, runs++)
        const model = new StockModel(holdSecondsMax, retentionSeconds)
        try {
          await fc.asyncModelRun(() => ({ model, real }), sequence)
          commandsRun += [...sequence].filter((command) => String(command) !== '').length
        } finally {
          // What is not persisted keeps older reservations from being forgotten, also the next run's.
          await real.persist()
        }
      }),
      { seed, numRuns: 200, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
    )
    console.log(`${runs} runs of ${commandsRun} commands with HOLDFAST_SEED=${seed}`)
    expect(runs).toBeGreaterThan(runsMin)
    // The model moved times in Redis behind MySQL's back.
    await expectInvariants(store, {
      except: [
        'the times in Redis are those in MySQL and of the entries',
        'only what ended long ago has left Redis',
        'a payment comes before the deadline and an expiry does not',
      ],
    })
  })
})
