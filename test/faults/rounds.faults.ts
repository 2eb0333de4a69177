import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultRun } from './fault-run.js'
import { kinds } from './kinds/kinds.js'
import { readOptions } from './options.js'
import { Report } from './report.js'
import { planRound } from './round-plan.js'
import type { ProductCopy } from './stage/product-copy.js'

const options = readOptions()
const wanted = kinds.filter(({ number }) => options.kind === undefined || options.kind === number)
const rounds = options.rounds ?? (options.short ? wanted.length : 200)

describe.concurrent(`rounds of faults from seed ${options.seed} on`, () => {
  const report = new Report(options)
  let run: FaultRun
  let product: ProductCopy
  const missing = new Map<number, string | undefined>()

  beforeAll(async () => {
    for (const kind of wanted) missing.set(kind.number, await kind.missing?.())
    run = await FaultRun.start()
    product = await run.copyProduct('product')
  })

  afterAll(async () => {
    await run?.stop()
    await report.write()
  })

  for (let round = 0; round < rounds; round++) {
    const kind = wanted[round % wanted.length]
    if (!kind) continue
    const seed = options.seed + round
    test(`seed ${seed}, kind ${kind.number}: ${kind.about}`, async (context) => {
      const reason = missing.get(kind.number)
      if (reason !== undefined) {
        console.log(`SKIPPED, kind ${kind.number} (${kind.name}): ${reason}`)
        report.skip(kind)
        context.skip(reason)
      }
      const plan = planRound(seed, kind, { brief: options.short })
      const result = await run.play(plan, product).catch((error) => {
        report.fail(kind)
        throw error
      })
      report.add(kind, result)
      expect(result.findings).toEqual([])
      await run.forget(plan)
    })
  }
})
