import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { migrateDatabase } from '../../src/commands/migrate.js'
import { startMariadb } from '../../src/embedded/mariadb-server.js'
import { openDatabase } from '../../src/ledger/database.js'
import { HttpClient } from '../support/http-client.js'
import { eventually, openTestStore } from '../support/test-store.js'

// Its settings are the server's, which the other files share.
const folder = await mkdtemp(join(tmpdir(), 'holdfast-mariadb-'))
const mariadb = await startMariadb({ folder, settings: { 'log-bin': 'binlog' } })
afterAll(async () => {
  await mariadb.stop()
  await rm(folder, { recursive: true, force: true })
})
const store = await openTestStore({ confirmWaitMs: 0 })

describe('GET /readyz', () => {
  test('says what a MySQL that does not flush each commit may lose', async () => {
    await migrateDatabase({ ...store.config, databaseUrl: mariadb.url })
    const { app } = await store.api({ databaseUrl: mariadb.url, stores: [`${store.name}-weak`] })
    const client = new HttpClient(app)
    const database = openDatabase(mariadb.url, { connectionsMax: 1, connectTimeoutMs: 10_000 })
    const look = async (flush: number, sync: number) => {
      await database.$executeRawUnsafe(`SET GLOBAL innodb_flush_log_at_trx_commit = ${flush}`)
      await database.$executeRawUnsafe(`SET GLOBAL sync_binlog = ${sync}`)
      const { status, body } = await client.get('/readyz')
      expect(status).toBe(200)
      const { confirmSurvivesLossOfEitherStore } = body.promises as Record<string, boolean>
      return [confirmSurvivesLossOfEitherStore, body.reasons]
    }
    const loses = 'a crash of its machine may lose payments that were called persisted.'
    expect(await look(1, 1)).toEqual([true, []])
    expect(await look(2, 1)).toEqual([false, [`MySQL has innodb_flush_log_at_trx_commit 2: ${loses}`]])
    expect(await look(1, 0)).toEqual([false, [`MySQL has sync_binlog 0: ${loses}`]])
    await database.$disconnect()
  }, 60_000)

  test('says when MySQL takes no ledger entries, until it takes them again', async () => {
    const client = new HttpClient((await store.api()).app)
    await client.put('/v1/stock/cup', { onHand: 10 })
    expect((await client.get('/readyz')).body).toMatchObject({
      reasons: [],
      promises: { confirmSurvivesLossOfEitherStore: true },
    })
    const reason = `MySQL has taken no ledger entry of the store ${store.name} for more than 10 s`
    const reasons = async () => ((await client.get('/readyz')).body.reasons as string[]).join(' ')
    await eventually(async () => (await reasons()).startsWith(reason), 'it says so', 30_000)
    expect((await client.get('/readyz')).body).toMatchObject({
      ready: true,
      problems: [{ part: 'store', problem: 'standstill', store: store.name }],
      promises: { confirmSurvivesLossOfEitherStore: false },
    })
    await store.worker()
    await eventually(async () => (await reasons()) === '', 'all is well')
  }, 60_000)
})
