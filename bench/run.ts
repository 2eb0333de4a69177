import { mkdir, writeFile } from 'node:fs/promises'
import type { BenchRun } from './bench-run.js'
import { drawChart } from './chart.js'
import { InvariantError } from './invariants.js'
import { measureScript, type ScriptSample, scriptLimits } from './limits/script-limit.js'
import { machineFacts } from './machine-facts.js'
import { measureOther } from './measure-other.js'
import { measureProduct } from './measure-product.js'
import { type BenchOptions, isPublishable, readOptions } from './options.js'
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
    // Every second pass goes the other way round, so that no step always follows the same one.
    for (const step of inTurn(pass, wanted(steps))) {
      say(`pass ${pass} of ${options.passes}: ${step.name}`)
      await attempt(results, options, step, async () =>
        addPass(results.samples, step, await step.measure(run)),
      )
    }
    for (const limit of inTurn(pass, wanted(scriptLimits))) {
      say(`pass ${pass} of ${options.passes}: ${limit.name}`)
      const add = async () => {
        const sample = await measureScript(run, limit)
        addPass<ScriptSample>(results.scripts, { ...limit, group: 'limit' }, sample)
      }
      await attempt(results, options, { ...limit, group: 'limit' }, add)
    }
  }
  return results
}

function inTurn<T>(pass: number, steps: readonly T[]): readonly T[] {
  return pass % 2 === 1 ? steps : [...steps].reverse()
}

/**
 * A peer or a limit that cannot run here in every pass is left out, with the reason. The product has
 * to run, and so has what was asked for by name or shows that the benchmark works.
 */
async function attempt(
  results: Results,
  { only, smoke }: BenchOptions,
  step: { name: string; group: Group },
  measure: () => Promise<void>,
): Promise<void> {
  if (results.skipped.some(({ name }) => name === step.name)) return
  try {
    await measure()
  } catch (error) {
    if (only || smoke || step.group === 'product' || error instanceof InvariantError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    results.samples = results.samples.filter(({ name }) => name !== step.name)
    results.scripts = results.scripts.filter(({ name }) => name !== step.name)
    results.skipped.push({ name: step.name, reason })
  }
}

function addPass<S>(all: Measured<S>[], step: Omit<Measured<S>, 'passes'>, sample: S): void {
  const { name, about, group } = step
  const known = all.find((measured) => measured.name === name)
  if (known) known.passes.push(sample)
  else all.push({ name, about, group, passes: [sample] })
}

/** Measures, reports, and keeps what a whole standard run found: the README shows it. */
async function main(run: BenchRun): Promise<void> {
  const { options, servers, say } = run
  // At the start: what is measured is what was built just now.
  const machine = machineFacts(servers.folder)
  const results = await measureAll(run)
  const { seconds, connections, passes } = options
  const kept = {
    machine,
    versions: await servers.versions(),
    options: { seconds, connections, passes },
    targets: checkTargets(results),
    ...results,
  }
  const chart = drawChart(results)
  if (options.smoke) console.log('A smoke run: the figures mean nothing.')
  console.log(formatReport(results, options))
  if (!isPublishable(options)) return
  const folder = inRepository('bench/results')
  await mkdir(folder, { recursive: true })
  await writeFile(`${folder}/latest.json`, `${JSON.stringify(kept, null, 2)}\n`)
  await writeFile(`${folder}/latest.svg`, chart)
  say('written: bench/results/latest.json and latest.svg')
}

/** One of each kind that needs nothing installed beside the product. */
const smokeNames = ['checkout', 'script']
const names = [...steps, ...scriptLimits].map(({ name }) => name)
process.exitCode = await runSession(() => readOptions(process.argv.slice(2), names, smokeNames), main)
