import { beforeAll, describe, expect, test } from 'vitest'
import { type Body, expectProblem, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore({ sweepMs: 100 })
let client: HttpClient
let paid: string
let late: string

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 10_000 })).app)
  await store.worker()
  await client.put('/v1/stock/cup', { onHand: 10 })
  await client.put('/v1/stock/hat', { onHand: 5 })
  await client.post('/v1/stock/hat/adjustments', { quantity: -1, reason: 'broken ün 🎁' })
  const hold = async (lines: object[]) =>
    (await client.post('/v1/reservations', { customerId: 'c', lines })).body.id
  paid = await hold([
    { sku: 'cup', quantity: 2 },
    { sku: 'hat', quantity: 1 },
  ])
  late = await hold([{ sku: 'cup', quantity: 3 }])
  await client.post(`/v1/reservations/${late}/extend`, { ttlSeconds: 1000 })
  await makeOverdue(store.redis, store.keys, late)
  await eventually(
    async () => (await client.get(`/v1/reservations/${late}`)).body.state === 'expired',
    'the reservation is expired',
  )
  // Its 200 says that MySQL holds everything up to here.
  expect((await client.post(`/v1/reservations/${paid}/confirm`)).status).toBe(200)
})

const told = (items: Body[]) => items.map(({ position, kind }) => `${position} ${kind}`)

const wholeStory = [
  ...['1-1 set', '1-2 set', '1-3 adjust', '1-4 reserve', '1-5 reserve', '1-6 extend', '1-7 expire'],
  '1-8 confirm',
]

describe('GET /v1/ledger', () => {
  test('tells every change in order, with the counts right after', async () => {
    const { status, body } = await client.get('/v1/ledger')
    expect(status).toBe(200)
    expect(told(body.items)).toEqual(wholeStory)
    expect(body.nextCursor).toBeNull()
    expect(body.items[2]).toEqual({
      position: '1-3',
      kind: 'adjust',
      occurredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      lines: [{ sku: 'hat', quantity: -1, available: 4, held: 0, sold: 0 }],
      reason: 'broken ün 🎁',
    })
    expect(body.items[3]).toMatchObject({
      reservationId: paid,
      lines: [
        { sku: 'cup', quantity: 2, available: 8, held: 2, sold: 0 },
        { sku: 'hat', quantity: 1, available: 3, held: 1, sold: 0 },
      ],
    })
    const { createdAt } = (await client.get(`/v1/reservations/${paid}`)).body
    expect(body.items[3]?.occurredAt).toBe(createdAt)
  })

  test('tells the story of a SKU, each entry with all its lines', async () => {
    const { body } = await client.get('/v1/ledger?sku=hat')
    expect(told(body.items)).toEqual(['1-2 set', '1-3 adjust', '1-4 reserve', '1-8 confirm'])
    expect(body.items[3]?.lines).toHaveLength(2)
    expect((await client.get('/v1/ledger?sku=no-such')).body).toEqual({ items: [], nextCursor: null })
  })

  test('tells the story of a reservation', async () => {
    const { body } = await client.get(`/v1/ledger?reservationId=${late}`)
    expect(told(body.items)).toEqual(['1-5 reserve', '1-6 extend', '1-7 expire'])
    expect(told((await client.get(`/v1/ledger?reservationId=${late}&sku=hat`)).body.items)).toEqual([])
    const nobody = '0190b0a0-0000-7000-8000-000000000000'
    expect((await client.get(`/v1/ledger?reservationId=${nobody}`)).body.items).toEqual([])
  })

  test('comes in pages that join without a gap or a repeat', async () => {
    for (const limit of [1, 3, 4, 8, 500]) {
      const story: string[] = []
      let after: string | null = '0-0'
      while (after !== null) {
        const { body }: { body: Body } = await client.get(`/v1/ledger?limit=${limit}&after=${after}`)
        expect(body.items.length).toBeLessThanOrEqual(limit)
        story.push(...told(body.items))
        after = body.nextCursor
      }
      expect(story).toEqual(wholeStory)
    }
    expect((await client.get('/v1/ledger?after=1-8')).body).toEqual({ items: [], nextCursor: null })
    expect((await client.get('/v1/ledger?after=2-0')).body.items).toEqual([])
    expect(told((await client.get('/v1/ledger?sku=cup&limit=1&after=1-1')).body.items)).toEqual([
      '1-4 reserve',
    ])
  })

  test('is told from its newest end when asked to, in pages that join', async () => {
    const newestFirst = wholeStory.toReversed()
    for (const limit of [1, 3, 8, 500]) {
      const story: string[] = []
      let page: Body | undefined
      do {
        const after: string = page?.nextCursor ? `&after=${page.nextCursor}` : ''
        page = (await client.get(`/v1/ledger?order=newest&limit=${limit}${after}`)).body
        story.push(...told(page.items))
      } while (page.nextCursor !== null)
      expect(story).toEqual(newestFirst)
    }
    const ofHat = await client.get('/v1/ledger?sku=hat&order=newest&limit=2')
    expect(told(ofHat.body.items)).toEqual(['1-8 confirm', '1-4 reserve'])
    expect(ofHat.body.items[0]?.lines).toEqual(
      (await client.get('/v1/ledger?after=1-7')).body.items[0]?.lines,
    )
    expect(told((await client.get('/v1/ledger?order=oldest&limit=1')).body.items)).toEqual(['1-1 set'])
    expectProblem(await client.get('/v1/ledger?order=random'), 'invalid-request')
  })

  test('answers 503 while MySQL is away', async () => {
    const { app } = await store.api({
      databaseUrl: 'mysql://nobody@127.0.0.1:1/nothing',
      connectTimeoutMs: 500,
    })
    expectProblem(await new HttpClient(app).get('/v1/ledger'), 'mysql-unavailable')
  })
})
