import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import { type Database, openDatabase } from '../../../src/ledger/database.js'
import { nowMs } from '../history.js'
import { type Fault, type FaultKind, inTurn, type Scene } from './fault-kind.js'
import { findUnserved } from './unserved-calls.js'

const longGone = 'gone for a minute'
const longFrozen = 'frozen for 35 s'

const ways: Readonly<Record<string, (random: SeededRandom, atMs: number, way: string) => Fault[]>> = {
  gone: (random, atMs, way) => [gone(atMs, way, random.whole(500, 4000))],
  frozen: (random, atMs, way) => [frozen(atMs, way, random.whole(500, 4000))],
  'killed in INSERT INTO ledger': killedTwice,
  'killed in INSERT INTO reservations': killedTwice,
  'killed in INSERT INTO stock': killedTwice,
  'killed in UPDATE stores': killedTwice,
  'two writers': (random, atMs, way) => [secondWriter(atMs, way, random.whole(1500, 3000))],
  deadlocks: (random, atMs, way) => [deadlocks(atMs, way, random.whole(3, 8))],
  [longGone]: (_random, atMs, way) => [gone(atMs, way, 60_000)],
  [longFrozen]: (_random, atMs, way) => [frozen(atMs, way, 35_000)],
}
const shorter: Readonly<Record<string, string>> = { [longGone]: 'gone', [longFrozen]: 'frozen' }

/** MySQL away, frozen, killed in the middle of a transaction, written to by two, deadlocked. */
export const brokenMysql: FaultKind = {
  number: 5,
  name: 'broken-mysql',
  about:
    'MariaDB gone for up to a minute; frozen; killed mid-transaction; a second writer at the same store; forced deadlocks; holds and payments go on',
  ways: Object.keys(ways),
  draw: (random, { turn, brief }) => {
    const next = inTurn(brokenMysql.ways, turn)
    const way = (brief && shorter[next]) || next
    return { settings: { workers: 2 }, faults: ways[way]?.(random, random.whole(400, 1200), way) ?? [] }
  },
  judge: ({ history }) => findUnserved(history.events, 'without MySQL all calls'),
}

/** Whether a payment was accepted that MySQL did not hold in time. */
function wasNotPersisted({ history }: Scene, sinceMs: number): boolean {
  return history.events.some(({ startMs, reply }) => startMs >= sinceMs && reply?.status === 202)
}

function gone(atMs: number, way: string, ms: number): Fault {
  return {
    atMs,
    what: `kill -9 MariaDB; start it again after ${ms} ms`,
    way,
    inflict: async (scene) => {
      const { mariadb } = scene.stage
      const sinceMs = nowMs()
      await mariadb.kill()
      await delay(ms)
      await mariadb.restart()
      return wasNotPersisted(scene, sinceMs)
    },
  }
}

function frozen(atMs: number, way: string, ms: number): Fault {
  return {
    atMs,
    what: `SIGSTOP MariaDB for ${ms} ms`,
    way,
    inflict: async (scene) => {
      const { mariadb } = scene.stage
      const sinceMs = nowMs()
      mariadb.signal('SIGSTOP')
      try {
        await delay(ms)
      } finally {
        mariadb.signal('SIGCONT')
      }
      return wasNotPersisted(scene, sinceMs)
    },
  }
}

function killedTwice(_random: SeededRandom, atMs: number, way: string): Fault[] {
  return [killedInTransaction(atMs, way), killedInTransaction(atMs + 2500, way)]
}

/** What the ledger writer says in a transaction, from its first statement to its last. */
function killedInTransaction(atMs: number, way: string): Fault {
  const statement = way.replace('killed in ', '')
  return {
    atMs,
    what: `kill -9 MariaDB when a worker says ${statement}; start it again`,
    way,
    inflict: async ({ stage, observe }) => {
      const { mariadb, workers } = stage
      const said = workers.map(
        ({ databaseCable }) =>
          new Promise<true>((resolve) => {
            databaseCable.tap = (bytes, from) => {
              if (from === 'client' && bytes.includes(statement)) resolve(true)
              return 'pass'
            }
          }),
      )
      const isSaid = await Promise.race([...said, delay(5000, false)])
      observe(isSaid ? `killed in ${statement}` : 'nothing was written')
      await mariadb.kill()
      for (const { databaseCable } of workers) databaseCable.tap = undefined
      await mariadb.restart()
      return isSaid
    },
  }
}

function secondWriter(atMs: number, way: string, ms: number): Fault {
  return {
    atMs,
    what: `take the lease away from the ledger writers for ${ms} ms, so that both write`,
    way,
    inflict: async ({ stage, observe }) => {
      const { admin } = stage.redis
      const holders = new Set<string>()
      const until = performance.now() + ms
      while (performance.now() < until) {
        const holder = await admin.getdel(stage.keys.writer)
        if (holder) holders.add(holder)
        await delay(5)
      }
      observe('writers at once', holders.size)
      return holders.size > 1
    },
  }
}

function deadlocks(atMs: number, way: string, count: number): Fault {
  return {
    atMs,
    what: `force ${count} deadlocks on the ledger writer`,
    way,
    inflict: async ({ stage, observe }) => {
      const intruder = openDatabase(stage.databaseUrl, { connectionsMax: 1, connectTimeoutMs: 10_000 })
      try {
        await intruder.$executeRawUnsafe('CREATE TABLE ballast (id INT PRIMARY KEY)')
        const before = await countDeadlocks(intruder)
        for (let i = 0; i < count; i++) await lockInOtherOrder(intruder)
        const forced = (await countDeadlocks(intruder)) - before
        observe('deadlocks', forced)
        return forced > 0
      } finally {
        await intruder.$disconnect()
      }
    },
  }
}

/**
 * Takes the rows in the other order than the writer: stock first, then the store. Rows of ballast make
 * this the heavier transaction, and the lighter one is the one that is rolled back.
 */
async function lockInOtherOrder(intruder: Database): Promise<void> {
  await intruder
    .$transaction(
      async (transaction) => {
        await transaction.$executeRawUnsafe('INSERT INTO ballast SELECT seq FROM seq_1_to_20000')
        await transaction.$queryRawUnsafe('SELECT sku FROM stock FOR UPDATE')
        // Long enough for the writer to hold its store's row and to wait for one of these.
        await delay(250)
        await transaction.$queryRawUnsafe('SELECT id FROM stores FOR UPDATE')
        throw new RollBack()
      },
      { timeout: 20_000 },
    )
    .catch((error) => {
      // When it is this one that is rolled back after all, the count of deadlocks tells.
      if (!(error instanceof RollBack) && !/deadlock|write conflict/i.test(String(error))) throw error
    })
}

async function countDeadlocks(database: Database): Promise<number> {
  const [row] = await database.$queryRawUnsafe<{ Value: string }[]>(
    "SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'",
  )
  return Number(row?.Value)
}

class RollBack extends Error {}
