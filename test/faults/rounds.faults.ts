import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultRun } from './fault-run.js'
import { kinds } from './kinds/kinds.js'
import { readOptions, seedMax, seedsOfShort } from './options.js'
import { Report } from './report.js'
import { planRound, seedsOf } from './round-plan.js'
import type { ProductCopy } from './stage/product-copy.js'

const options = readOptions()
const wanted = kinds.filter(({ number }) => options.kind === undefined || options.kind === number)
const rounds = options.rounds ?? (options.short ? wanted.length : 200)
/** A short selection without a seed goes, for each kind, a way that says much in little time. */
const planned =
  options.short && options.seed === undefined
    ? wanted.map((kind) => ({ kind, seed: seedsOfShort[kind.number] as number }))
    : seedsOf(wanted, options.seed ?? randomInt(seedMax), rounds)
const [first] = planned

describe.concurrent(`rounds of faults from seed ${first?.seed} on`, () => {
  const report = new Report(options, first?.seed ?? 0)
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
    // A way that was never gone proves nothing, however many rounds there were.
    const untried = report.isWhole ? report.findUntried() : []
    if (untried.length > 0)
      throw new Error(`A whole run has to go every way, and these never took effect: ${untried.join('; ')}`)
  })

  for (const { seed, kind } of planned) {
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
      await run.forget(plan, product)
    })
  }
})
