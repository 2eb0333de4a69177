import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endDependents } from '../../src/embedded/parent-exit.js'
import { type RoundResult, runRound } from './round.js'
import { describePlan, type RoundPlan } from './round-plan.js'
import { roundsAtOnce } from './rounds-at-once.js'
import { MariadbHost } from './stage/mariadb-host.js'
import { type Patch, ProductCopy } from './stage/product-copy.js'

/** A run of the suite: a folder, servers that rounds share one after the other, and the product. */
export class FaultRun {
  private readonly idle: MariadbHost[]
  /** The folders of rounds that are kept for people. */
  private readonly kept: string[] = []

  private constructor(
    private readonly folder: string,
    private readonly mariadbs: readonly MariadbHost[],
  ) {
    this.idle = [...mariadbs]
  }

  /** @throws Error, with nothing left, when a server cannot be started. */
  static async start(): Promise<FaultRun> {
    leaveNothingWhenInterrupted()
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-faults-'))
    const mariadbs: MariadbHost[] = []
    try {
      for (let i = 0; i < roundsAtOnce; i++) {
        mariadbs.push(await MariadbHost.start(join(folder, `mariadb-${i}`)))
      }
    } catch (error) {
      await Promise.all(mariadbs.map((mariadb) => mariadb.stop()))
      await rm(folder, { recursive: true })
      throw error
    }
    return new FaultRun(folder, mariadbs)
  }

  /** @param name of the copy, once in a run. */
  copyProduct(name: string, patches: readonly Patch[] = []): Promise<ProductCopy> {
    return ProductCopy.make(join(this.folder, name), patches)
  }

  /** Plays a round and says how it went; at most `roundsAtOnce` of them at once. */
  async play(plan: RoundPlan, product: ProductCopy): Promise<RoundResult> {
    const folder = this.folderOf(plan, product)
    const mariadb = this.idle.pop()
    if (!mariadb) throw new Error(`there are more than ${roundsAtOnce} rounds at once`)
    console.log(describePlan(plan).join('\n'))
    const began = performance.now()
    this.kept.push(folder)
    try {
      const result = await runRound(plan, { folder, mariadb, product })
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      console.log(`seed ${plan.seed}: ${describeResult(result)}; took ${seconds} s`)
      return result
    } finally {
      // A fault that failed may have left it down.
      await mariadb.restart()
      this.idle.push(mariadb)
    }
  }

  /** Nobody needs the history of this round. */
  async forget(plan: RoundPlan, product: ProductCopy): Promise<void> {
    const folder = this.folderOf(plan, product)
    this.kept.splice(this.kept.indexOf(folder), 1)
    await rm(folder, { recursive: true, force: true })
  }

  /** Several products may play the same round at once. */
  private folderOf({ seed, kind }: RoundPlan, { name }: ProductCopy): string {
    return join(this.folder, `${name}-seed-${seed}-kind-${kind.number}`)
  }

  async stop(): Promise<void> {
    await Promise.all(this.mariadbs.map((mariadb) => mariadb.stop()))
    for (const i of this.mariadbs.keys()) await rm(join(this.folder, `mariadb-${i}`), { recursive: true })
    if (this.kept.length === 0) await rm(this.folder, { recursive: true })
    else console.log(`Plans, histories, findings and logs are kept in ${this.kept.join(', ')}`)
  }
}

/** Ctrl-C ends this process without an `exit` event, and so does the end of the one that runs the tests. */
function leaveNothingWhenInterrupted(): void {
  process.once('disconnect', endDependents)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      endDependents()
      process.kill(process.pid, signal)
    })
  }
}

function describeResult(result: RoundResult): string {
  const { requests, unanswered, unavailable, ledgerEntries, readyMs, observed, inflictions } = result
  const inVain = inflictions.filter(({ tookEffect }) => !tookEffect).map(({ way }) => `IN VAIN: ${way}`)
  const notes = Object.entries(observed).map(([what, times]) => `${what}: ${times}`)
  return [
    `${requests} requests, ${unanswered} of them unanswered and ${unavailable} with 503`,
    `${ledgerEntries} ledger entries`,
    `ready ${(readyMs / 1000).toFixed(1)} s after the last heal`,
    ...notes,
    ...inVain,
    `${result.findings.length} findings`,
  ].join('; ')
}
