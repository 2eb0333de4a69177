import { mkdir, writeFile } from 'node:fs/promises'
import type { BenchRun } from './bench-run.js'
import { machineFacts } from './machine-facts.js'
import { isPublishable, readOptions } from './options.js'
import { measureConfirmWait } from './scale/confirm-wait.js'
import { measureDueAtOnce } from './scale/due-at-once.js'
import { measureManyOpen } from './scale/many-open.js'
import { measureManySkus } from './scale/many-skus.js'
import { measureReconciliation } from './scale/reconciliation.js'
import type { ScaleFigures, ScaleSizes } from './scale/scale-figures.js'
import { checkScaleTargets, formatScaleReport } from './scale/scale-report.js'
import { measureTwoOfEach } from './scale/two-of-each.js'
import { inRepository } from './servers/target.js'
import { runSession } from './session.js'

const full: ScaleSizes = { many: 1_000_000, more: 250_000, few: 1000, skus: 100_000, due: 100_000 }
const tiny: ScaleSizes = { many: 2000, more: 1000, few: 100, skus: 200, due: 500 }

const steps: Readonly<Record<string, (run: BenchRun, sizes: ScaleSizes) => Promise<ScaleFigures>>> = {
  'many-open': measureManyOpen,
  'many-skus': (run, sizes) => measureManySkus(run, sizes.skus),
  'due-at-once': (run, sizes) => measureDueAtOnce(run, sizes.due),
  'two-of-each': measureTwoOfEach,
  'confirm-wait': measureConfirmWait,
  reconciliation: measureReconciliation,
}

const names = Object.keys(steps)
process.exitCode = await runSession(
  () => readOptions(process.argv.slice(2), names, names),
  async (run) => {
    const { only, smoke, passes, seconds, connections } = run.options
    // At the start: what is measured is what was built just now.
    const machine = machineFacts(run.servers.folder)
    let figures: ScaleFigures = {}
    for (const [name, measure] of Object.entries(steps)) {
      if (only && !only.includes(name)) continue
      figures = { ...figures, ...(await measure(run, smoke ? tiny : full)) }
    }
    if (isPublishable(run.options)) {
      const folder = inRepository('bench/results')
      await mkdir(folder, { recursive: true })
      const options = { passes, seconds, connections }
      const versions = await run.servers.versions()
      const kept = { machine, versions, options, targets: checkScaleTargets(figures), ...figures }
      await writeFile(`${folder}/scale.json`, `${JSON.stringify(kept, null, 2)}\n`)
    }
    if (smoke) console.log('A smoke run: the figures mean nothing.')
    console.log(formatScaleReport(figures, run.options))
  },
)
