import { expect, test } from 'vitest'
import type { FaultKind } from './kinds/fault-kind.js'
import { kinds } from './kinds/kinds.js'
import { Report, readFigures, readPage } from './report.js'
import { renderTables } from './report-tables.js'

test('the tables in docs/faults.md are those of docs/faults.json', async () => {
  const page = await readPage()
  expect(page).toBe(renderTables(page, await readFigures()))
})

test('a run says which ways never took effect, of the kinds that were not skipped', () => {
  const options = {
    rounds: undefined,
    seed: 1,
    kind: undefined,
    mutants: false,
    mutant: undefined,
    short: false,
  }
  const report = new Report(options, 1)
  const [first, ...others] = kinds as [FaultKind, ...FaultKind[]]
  for (const kind of others) report.skip(kind)
  const infliction = (way: string, tookEffect: boolean) => ({ way, fromMs: 0, toMs: 1, tookEffect })
  const [inVain, ...gone] = first.ways as [string, ...string[]]
  const inflictions = [...gone.map((way) => infliction(way, true)), infliction(inVain, false)]
  const none = { acknowledged: 0, lost: 0, gone: 0 }
  const counts = {
    requests: 1,
    unanswered: 0,
    unavailable: 0,
    ledgerEntries: 1,
    faults: 1,
    leaked: 0,
    drifted: 0,
  }
  const verdict = { findings: [], holds: none, confirms: none, oversold: 0 }
  const result = { findings: [], ...counts, inflictions, observed: {}, verdict, readyMs: 1 }
  report.add(first, result)
  expect(report.findUntried()).toEqual([`${first.name}: ${inVain}, gone 1 times`])
  report.add(first, { ...result, inflictions: [infliction(inVain, true)] })
  expect(report.findUntried()).toEqual([])
  expect(report.isWhole).toBe(false)
})
