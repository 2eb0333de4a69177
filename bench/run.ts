import { mkdir, writeFile } from 'node:fs/promises'
import type { BenchRun } from './bench-run.js'
import { drawChart } from './chart.js'
import { InvariantError } from './invariants.js'
import { measureScript, type ScriptSample, scriptLimits } from './limits/script-limit.js'
import { machineFacts } from './machine-facts.js'
import { measureOther } from './measure-other.js'
import { measureProduct } from './measure-product.js'
import { readOptions } from './options.js'
import { measurePeer, peers } from './peers.js'
import { formatReport } from './report.js'
import type { Group, Measured, Results } from './results.js'
import type { Sample } from './sample.js'
import { inRepository } from './servers/target.js'
import { runSession } from './session.js'
import { checkTargets } from './targets.js'
import { workloads } from './workloads.js'

interface Step {
  name: string
  about: string
  group: Group
  measure(run: BenchRun): Promise<Sample>
}

const steps: readonly Step[] = [
  ...workloads.map((workload) => ({
    name: workload.name,
    about: workload.about,
    group: 'product' as const,
    measure: (run: BenchRun) => measureProduct(run, workload),
  })),
  {
    name: 'bare-script',
    about: 'the reserve script without ledger, deadline and key',
    group: 'limit',
    measure: measureBareScript,
  },
  ...peers.map((peer) => ({
    name: peer.name,
    about: peer.about,
    group: 'peer' as const,
    measure: (run: BenchRun) => measurePeer(run, peer),
  })),
]

async function measureBareScript(run: BenchRun): Promise<Sample> {
  const redis = await run.servers.startRedis()
  const env = { REDIS_URL: redis.url }
  try {
    return await measureOther(run, {
      name: 'bare-script',
      module: 'bare-script',
      env,
      pids: { redis: [redis.pid] },
    })
  } finally {
    await redis.stop()
  }
}

/** Every pass measures everything once, so that a slow phase of the machine meets all alike. */
async function measureAll(run: BenchRun): Promise<Results> {
  const { options, say } = run
  const results: Results = { samples: [], scripts: [], skipped: [] }
  const wanted = <T extends { name: string }>(all: readonly T[]) =>
    all.filter(({ name }) => options.only === undefined || options.only.includes(name))
  for (let pass = 1; pass <= options.passes; pass++) {
    for (const step of wanted(steps)) {
      say(`pass ${pass} of ${options.passes}: ${step.name}`)
      await attempt(results, step, async () => addPass(results.samples, step, await step.measure(run)))
    }
    for (const limit of wanted(scriptLimits)) {
      say(`pass ${pass} of ${options.passes}: ${limit.name}`)
      const add = async () => {
        const sample = await measureScript(run, limit)
        addPass<ScriptSample>(results.scripts, { ...limit, group: 'limit' }, sample)
      }
      await attempt(results, { ...limit, group: 'limit' }, add)
    }
  }
  return results
}

/** A peer or a limit that cannot run here is left out, with the reason; the product has to run. */
async function attempt(
  results: Results,
  step: { name: string; group: Group },
  measure: () => Promise<void>,
): Promise<void> {
  if (results.skipped.some(({ name }) => name === step.name)) return
  try {
    await measure()
  } catch (error) {
    if (step.group === 'product' || error instanceof InvariantError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    results.skipped.push({ name: step.name, reason })
  }
}

function addPass<S>(all: Measured<S>[], step: Omit<Measured<S>, 'passes'>, sample: S): void {
  const { name, about, group } = step
  const known = all.find((measured) => measured.name === name)
  if (known) known.passes.push(sample)
  else all.push({ name, about, group, passes: [sample] })
}

/** Only a whole run is kept: the README shows it. */
async function keep(run: BenchRun, results: Results): Promise<void> {
  const { smoke, only, ...options } = run.options
  if (smoke || only !== undefined) return
  const folder = inRepository('bench/results')
  await mkdir(folder, { recursive: true })
  const kept = { machine: machineFacts(), options, targets: checkTargets(results), ...results }
  await writeFile(`${folder}/latest.json`, `${JSON.stringify(kept, null, 2)}\n`)
  await writeFile(`${folder}/latest.svg`, drawChart(results))
}

/** One of each kind that needs nothing installed beside the product. */
const smokeNames = ['checkout', 'script']
const names = [...steps, ...scriptLimits].map(({ name }) => name)
process.exitCode = await runSession(
  () => readOptions(process.argv.slice(2), names, smokeNames),
  async (run) => {
    const results = await measureAll(run)
    await keep(run, results)
    if (run.options.smoke) console.log('A smoke run: the figures mean nothing.')
    console.log(formatReport(results, !run.options.smoke))
  },
)
