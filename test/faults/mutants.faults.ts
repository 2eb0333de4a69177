import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FaultRun } from './fault-run.js'
import type { FaultKind } from './kinds/fault-kind.js'
import { kinds } from './kinds/kinds.js'
import { type Mutant, mutants } from './mutants.js'
import { readOptions, seedMax } from './options.js'
import { Report } from './report.js'
import { planRound } from './round-plan.js'
import type { ProductCopy } from './stage/product-copy.js'

const options = readOptions()
/** Most are caught in the first round; some faults have to meet the right moment. */
const roundsMax = 8
/** For all of them, on a machine that does much else. */
const timeoutMs = 1_200_000

const firstSeed = options.seed ?? randomInt(seedMax)

describe.concurrent(`deliberate defects, from seed ${firstSeed} on`, () => {
  const report = new Report(options, firstSeed)
  let run: FaultRun

  beforeAll(async () => {
    run = await FaultRun.start()
  })

  afterAll(async () => {
    await run?.stop()
    await report.write()
  })

  for (const mutant of mutants.filter(({ name }) => name === (options.mutant ?? name))) {
    test(`${mutant.name} is caught: ${mutant.defect}`, { timeout: timeoutMs }, async () => {
      const product = await run.copyProduct(mutant.name, mutant.patches)
      const caught = await catchMutant(run, mutant, product)
      report.addMutant(mutant, caught)
      expect(caught, `rounds of kind ${mutant.kind} until it was caught`).toBeDefined()
    })
  }
})

/** @returns the number of rounds it took; undefined when it was not caught. */
async function catchMutant(run: FaultRun, mutant: Mutant, product: ProductCopy): Promise<number | undefined> {
  const kind = kinds.find(({ number }) => number === mutant.kind)
  if (!kind) throw new Error(`there is no kind ${mutant.kind}`)
  for (let round = 0; round < roundsMax; round++) {
    const plan = planRound(seedOf(mutant, kind, round), kind, { brief: true })
    // A service that a defect has stopped is caught as well: the round says for what it waited.
    const findings = await run.play(plan, product).then(
      (result) => result.findings,
      (error) => [String(error)],
    )
    await run.forget(plan, product)
    console.log(`${mutant.name}: ${findings.slice(0, 2).join(' | ').slice(0, 300) || 'nothing found'}`)
    if (findings.some((finding) => mutant.finding.test(finding))) return round + 1
  }
  return undefined
}

/** @returns one whose turn is the mutant's way, where it has one. */
function seedOf({ way }: Mutant, { ways }: FaultKind, round: number): number {
  if (way === undefined) return firstSeed + round
  const turn = ways.indexOf(way)
  if (turn < 0) throw new Error(`there is no way ${way}`)
  return ways.length * (Math.ceil(firstSeed / ways.length) + round) + turn
}
