import { userInfo } from 'node:os'
import { type Config, ConfigError } from '../config.js'
import { formatPosition, type Position, parsePosition } from '../domain/position.js'
import { openDatabase } from '../ledger/database.js'
import { discardEntry, type ListedEntry, listQuarantine, retryEntry } from '../ledger/quarantine-queries.js'
import { StoreLedger } from '../ledger/store-ledger.js'
import { readCommandLine } from './command-line.js'
import { reachServers, reasonOf } from './given-servers.js'
import { chosenStores } from './store-arguments.js'

/** Exit statuses: nothing quarantined, or done; something quarantined, or not done. */
const done = 0
const notDone = 1

const usage = `holdfast quarantine list [--store NAME]
holdfast quarantine retry ID [--store NAME]
holdfast quarantine discard ID --reason TEXT [--by NAME] [--store NAME]`

const listedMax = 100

interface Arguments {
  verb: 'list' | 'retry' | 'discard'
  /** Of the entry; for `list` the first one that there can be. */
  at: Position
  stores: string[]
  by: string
  reason: string
}

/** Lists what is quarantined, or decides on one entry of it. A running worker does the rest. */
export async function runQuarantine(given: Config, args: readonly string[]): Promise<number> {
  const { verb, at, stores, by, reason } = readArguments(given, args)
  const config = await reachServers(given, 'quarantine')
  const database = openDatabase(config.databaseUrl, {
    connectionsMax: config.databaseConnectionsMax,
    connectTimeoutMs: config.connectTimeoutMs,
  })
  try {
    let status = done
    for (const store of stores) {
      const ledger = new StoreLedger(database, store)
      if (verb === 'list') status = Math.max(status, await list(ledger))
      else status = verb === 'retry' ? await retry(ledger, at) : await discard(ledger, at, { by, reason })
    }
    return status
  } catch (error) {
    console.error(`MySQL did not do it: ${reasonOf(error)}. Run the command again.`)
    return notDone
  } finally {
    await database.$disconnect()
  }
}

/** @throws ConfigError */
function readArguments(config: Config, args: readonly string[]): Arguments {
  const { positionals, values } = parse(args)
  const [verb, id, ...more] = positionals
  const { store, reason = '', by = userInfo().username } = values
  const stores = chosenStores(config, store)
  if (verb === 'list' && id === undefined && values.reason === undefined && values.by === undefined) {
    return { verb, at: { epoch: 0, sequence: 0 }, stores, by, reason }
  }
  const at = parsePosition(id ?? '')
  const isRetry = verb === 'retry' && values.reason === undefined && values.by === undefined
  const isDiscard = verb === 'discard' && isNote(reason, 255) && isNote(by, 128)
  if (!at || more.length > 0 || !(isRetry || isDiscard)) throw new ConfigError(usage)
  if (stores.length > 1)
    throw new ConfigError('Several stores are configured: say which one with --store NAME.')
  return { verb, at, stores, by, reason }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const options = { store: text, reason: text, by: text }
  return readCommandLine(args, { options, allowPositionals: true }, usage)
}

/** Whether it is a text that says something and that its column has room for. */
function isNote(text: string, lengthMax: number): boolean {
  return text.trim() !== '' && text.length <= lengthMax && !/\p{Cc}/u.test(text)
}

async function list(ledger: StoreLedger): Promise<number> {
  const entries = await listQuarantine(ledger, listedMax)
  if (entries.length === 0) {
    console.log(`Store ${ledger.store}: nothing is quarantined.`)
    return done
  }
  console.log(`Store ${ledger.store}:`)
  for (const entry of entries) console.log(render(entry))
  if (entries.length === listedMax) console.log(`... and perhaps more than these ${listedMax}`)
  return notDone
}

const states = {
  malformed: 'cannot be read',
  waiting: 'waits behind an entry that cannot be read',
  discarded: 'was discarded; "holdfast reconcile --repair" settles it',
  settled: 'is settled',
}

function render({ position, first, state, skus, record, setAsideAt, discarded }: ListedEntry): string {
  const from = first < position.sequence ? ` (all entries from ${position.epoch}-${first} on)` : ''
  const of = skus ? `SKUs ${skus.join(', ')}` : 'SKUs unknown, so all of them are blocked'
  return [
    `  ${formatPosition(position)}${from}  ${states[state]}; ${of}; since ${setAsideAt.toISOString()}`,
    ...(discarded ? [`    by ${discarded.by} at ${discarded.at.toISOString()}: ${discarded.reason}`] : []),
    // What a damaged ledger holds must not reach the terminal as control sequences.
    `    ${record.slice(0, 400).replace(/[^\x20-\x7e]/g, '?')}`,
  ].join('\n')
}

async function retry(ledger: StoreLedger, at: Position): Promise<number> {
  const id = formatPosition(at)
  switch (await retryEntry(ledger, at)) {
    case 'retried':
      console.log(`${id} can be read now. A running worker applies it, and then what waits behind it.`)
      return done
    case 'unreadable':
      console.error(`${id} cannot be read by this version either. Nothing was changed.`)
      return notDone
    case 'unknown':
      return nothingThere(ledger, id)
  }
}

async function discard(
  ledger: StoreLedger,
  at: Position,
  why: { by: string; reason: string },
): Promise<number> {
  const id = formatPosition(at)
  if (!(await discardEntry(ledger, at, why))) return nothingThere(ledger, id)
  console.log(`${id} is discarded. A running worker applies what waits behind it.`)
  console.log('MySQL lacks what it moved: run "holdfast reconcile --repair" to take that over from Redis.')
  return done
}

function nothingThere(ledger: StoreLedger, id: string): number {
  console.error(`Store ${ledger.store}: no entry ${id} waits for a decision. See "holdfast quarantine list".`)
  return notDone
}
