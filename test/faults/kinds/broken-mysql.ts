import { setTimeout as delay } from 'node:timers/promises'
import type { SeededRandom } from '../../../src/demo/seeded-random.js'
import { type Database, openDatabase } from '../../../src/ledger/database.js'
import type { Fault, FaultKind } from './fault-kind.js'

/** MySQL away, frozen, killed in the middle of a transaction, written to by two, deadlocked. */
export const brokenMysql: FaultKind = {
  number: 5,
  name: 'broken-mysql',
  about:
    'MariaDB gone for up to a minute; frozen; killed mid-transaction; a second writer at the same store; forced deadlocks',
  draw: (random, { brief }) => ({ settings: { workers: 2 }, faults: drawFaults(random, brief) }),
}

function drawFaults(random: SeededRandom, brief: boolean): Fault[] {
  const way = random.whole(0, 4)
  const atMs = random.whole(400, 1200)
  const isLong = !brief && random.happens(0.25)
  if (way === 0) return [gone(atMs, isLong ? 60_000 : random.whole(500, 4000))]
  if (way === 1) return [frozen(atMs, isLong ? 35_000 : random.whole(500, 4000))]
  if (way === 2) return [killedInTransaction(atMs, random), killedInTransaction(atMs + 2500, random)]
  if (way === 3) return [secondWriter(atMs, random.whole(1500, 3000))]
  return [deadlocks(atMs, random.whole(3, 8))]
}

function gone(atMs: number, ms: number): Fault {
  return {
    atMs,
    what: `kill -9 MariaDB; start it again after ${ms} ms`,
    inflict: async ({ stage: { mariadb } }) => {
      await mariadb.kill()
      await delay(ms)
      await mariadb.restart()
    },
  }
}

function frozen(atMs: number, ms: number): Fault {
  return {
    atMs,
    what: `SIGSTOP MariaDB for ${ms} ms`,
    inflict: async ({ stage: { mariadb } }) => {
      mariadb.signal('SIGSTOP')
      try {
        await delay(ms)
      } finally {
        mariadb.signal('SIGCONT')
      }
    },
  }
}

/** What the ledger writer says in a transaction, from its first statement to its last. */
const statements = ['INSERT INTO ledger', 'INSERT INTO reservations', 'INSERT INTO stock', 'UPDATE stores']

function killedInTransaction(atMs: number, random: SeededRandom): Fault {
  const statement = statements[random.whole(0, statements.length - 1)] as string
  return {
    atMs,
    what: `kill -9 MariaDB when a worker says ${statement}; start it again`,
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
      observe(
        (await Promise.race([...said, delay(5000, false)]))
          ? `killed in ${statement}`
          : 'nothing was written',
      )
      await mariadb.kill()
      for (const { databaseCable } of workers) databaseCable.tap = undefined
      await mariadb.restart()
    },
  }
}

function secondWriter(atMs: number, ms: number): Fault {
  return {
    atMs,
    what: `take the lease away from the ledger writers for ${ms} ms, so that both write`,
    inflict: async ({ stage }) => {
      const until = performance.now() + ms
      while (performance.now() < until) {
        await stage.redis.admin.del(stage.keys.writer)
        await delay(5)
      }
    },
  }
}

function deadlocks(atMs: number, count: number): Fault {
  return {
    atMs,
    what: `force ${count} deadlocks on the ledger writer`,
    inflict: async ({ stage, observe }) => {
      const intruder = openDatabase(stage.databaseUrl, { connectionsMax: 1, connectTimeoutMs: 10_000 })
      try {
        await intruder.$executeRawUnsafe('CREATE TABLE ballast (id INT PRIMARY KEY)')
        const before = await countDeadlocks(intruder)
        for (let i = 0; i < count; i++) await lockInOtherOrder(intruder)
        observe('deadlocks', (await countDeadlocks(intruder)) - before)
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
