import { BenchRun, bareSpec } from './bench-run.js'
import { InvariantError } from './invariants.js'
import { LoadGenerator } from './load/load-generator.js'
import { isInMemory } from './machine-facts.js'
import { type BenchOptions, OptionError } from './options.js'
import { BenchServers } from './servers/bench-servers.js'
import { Cleanup } from './servers/cleanup.js'
import { startReserveProcess } from './servers/reserve-process.js'

/** Exit statuses, as the product's: done; found something wrong; unusable arguments. */
const done = 0
const wrong = 1
const unusable = 2
const interrupted = 130

/**
 * Starts what a benchmark shares, has it run, and ends everything however that goes.
 *
 * @returns the exit status.
 */
export async function runSession(
  readOptions: () => BenchOptions,
  body: (run: BenchRun) => Promise<void>,
): Promise<number> {
  const cleanup = new Cleanup()
  let isInterrupted = false
  const interrupt = async () => {
    // The second time by exit, not by the signal's own effect: servers are ended on the way out.
    if (isInterrupted) process.exit(interrupted)
    isInterrupted = true
    await cleanup.run()
    process.exit(interrupted)
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    await body(await open(readOptions(), cleanup))
    return done
  } catch (error) {
    // An interrupt at a terminal ends our processes, too, and what fails for that is no news.
    if (isInterrupted) return interrupted
    if (error instanceof OptionError) {
      console.error(error.message)
      return unusable
    }
    if (error instanceof InvariantError)
      console.error(`No figures: an invariant is broken. ${error.message}.`)
    else console.error('No figures: the benchmark failed.', error)
    return wrong
  } finally {
    await cleanup.run()
  }
}

async function open(options: BenchOptions, cleanup: Cleanup): Promise<BenchRun> {
  const say = (line: string) => console.error(line)
  say('starting the private servers ...')
  const load = new LoadGenerator()
  cleanup.add(() => load.stop())
  const servers = await BenchServers.start(cleanup)
  const { folder } = servers
  if (isInMemory(folder)) say(`${folder} is in memory, where fsync costs nothing: set TMPDIR to a disk`)
  const bare = await startReserveProcess({ name: 'bare', module: 'bare', env: {}, folder, cleanup })
  const run = new BenchRun(options, servers, load, bare, cleanup, say)
  await load.run({ ...bareSpec(bare), connections: options.connections, seconds: run.warmUpSeconds })
  return run
}
