import { beforeAll, describe, expect, test, vi } from 'vitest'
import type { Api } from '../../src/api.js'
import { runReconcile } from '../../src/commands/reconcile.js'
import { makeKey } from '../support/api-keys.js'
import { type Body, HttpClient } from '../support/http-client.js'
import { expectInvariants } from '../support/invariants.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore({ reconcileSeconds: 0 })
let api: Api
let client: HttpClient
/** Of the key `office`. */
let office: { authorization: string }

beforeAll(async () => {
  api = await store.api({ confirmWaitMs: 10_000 })
  await store.worker()
  client = new HttpClient(api.app)
  await client.put('/v1/stock/cup', { onHand: 10 })
  office = { authorization: `Bearer ${await makeKey(store.database, { name: 'office' })}` }
  await eventually(() => api.keyring.state === 'guarded', 'keys are asked for')
})

/** What the ledger tells once MySQL holds all of it: kind and actor of each entry. */
async function story(query = ''): Promise<string[]> {
  const end = await store.redis.hget(store.keys.position, 'sequence')
  let items: Body[] = []
  await eventually(async () => {
    items = (await client.get(`/v1/ledger${query}`, office)).body.items
    const watermark = await store.redis.get(store.keys.watermark)
    return watermark?.endsWith(`-${end}`) ?? false
  }, 'MySQL holds all')
  return items.map(({ kind, actor }) => (actor === undefined ? `${kind}` : `${kind} by ${actor}`))
}

describe('the ledger tells who changed stock', () => {
  test('by the name of the key, and nobody where none was asked for', async () => {
    const adjust = (key: string) =>
      client.post(
        '/v1/stock/cup/adjustments',
        { quantity: 2, reason: 'return' },
        { ...office, 'idempotency-key': key },
      )
    expect((await client.put('/v1/stock/cup', { onHand: 20 }, office)).status).toBe(200)
    expect((await adjust('refund-1')).status).toBe(200)
    expect((await adjust('refund-1')).headers['idempotency-replayed']).toBe('true')
    const lines = [{ sku: 'cup', quantity: 1 }]
    const { body } = await client.post('/v1/reservations', { customerId: 'c', lines }, office)
    expect((await client.post(`/v1/reservations/${body.id}/confirm`, {}, office)).status).toBe(200)
    expect(await story()).toEqual(['set', 'set by office', 'adjust by office', 'reserve', 'confirm'])
    await expectInvariants(store)
  })

  test('also of what a reconciliation corrected, over HTTP and at the command line', async () => {
    const damage = () => store.redis.hset(store.keys.stock, 'cup', '1 0 1')
    await damage()
    const repaired = await client.post('/v1/reconciliations', { repair: true }, office)
    expect([repaired.status, repaired.body.repaired]).toEqual([200, repaired.body.driftedTotal])
    await damage()
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    expect(await runReconcile(store.config, ['--repair'])).toBe(0)
    log.mockRestore()
    const corrections = (await story('?sku=cup')).filter((each) => each.startsWith('correct'))
    expect(corrections).toEqual(['correct by office', expect.stringMatching(/^correct by cli:[\w.-]+$/)])
  })

  test('and a reservation that was mended', async () => {
    const lines = [{ sku: 'cup', quantity: 1 }]
    const { body } = await client.post('/v1/reservations', { customerId: 'c', lines }, office)
    const query = `?reservationId=${body.id}`
    expect(await story(query)).toEqual(['reserve'])
    await store.redis.zadd(store.keys.deadlines, '4102444800000', body.id)
    const record = String(await store.redis.hget(store.keys.reservations, body.id))
    await store.redis.hset(store.keys.reservations, body.id, record.replace(/^held/, 'confirmed'))
    expect((await client.post('/v1/reconciliations', { repair: true }, office)).status).toBe(200)
    expect(await story(query)).toEqual(['reserve', 'correct by office'])
  })

  test('in a table of its own, so that nothing is added to the entries of shoppers', async () => {
    const actors = await store.database.ledgerActor.findMany({ orderBy: { sequence: 'asc' } })
    const kinds = await store.database.ledgerLine.findMany({
      where: { sequence: { in: actors.map(({ sequence }) => sequence) } },
      select: { kind: true },
    })
    expect(new Set(kinds.map(({ kind }) => kind))).toEqual(new Set(['set', 'adjust', 'correct']))
    expect(actors.length).toBe(kinds.length)
  })
})
