import { beforeAll, describe, expect, test } from 'vitest'
import { type Answer, HttpClient } from '../support/http-client.js'
import { makeOverdue } from '../support/overdue.js'
import { openTestStore } from '../support/test-store.js'

const store = await openTestStore()
let client: HttpClient
/** Of the newest entry that a call below has made. */
let sequence = 0

beforeAll(async () => {
  client = new HttpClient((await store.api({ confirmWaitMs: 0, holdSecondsMax: 3600 })).app)
})

interface Described {
  paths: Record<string, { post: { responses: Record<string, { headers?: Record<string, unknown> }> } }>
}

const positionOf = (answer: Answer) => answer.headers['holdfast-position']
const cart = (quantity: number) => ({ customerId: 'c', lines: [{ sku: 'cup', quantity }] })

/** Makes a call that is answered with the status, and expects the position of one more entry. */
async function changes(status: number, answering: Promise<Answer>): Promise<Answer> {
  const answer = await answering
  expect([answer.status, positionOf(answer)]).toEqual([status, `1-${++sequence}`])
  return answer
}

/** The same of a call that changes nothing: it is true at the newest entry, or at the one named. */
async function changesNothing(status: number, answering: Promise<Answer>, at = sequence): Promise<void> {
  const answer = await answering
  expect([answer.status, positionOf(answer)]).toEqual([status, `1-${at}`])
}

const keyed = (key: string) => ({ 'idempotency-key': key })

async function hold(quantity = 1, key?: string): Promise<string> {
  return (await changes(201, client.post('/v1/reservations', cart(quantity), key ? keyed(key) : {}))).body.id
}

const act = (id: string, verb: string, body?: object) => client.post(`/v1/reservations/${id}/${verb}`, body)

describe('the header Holdfast-Position', () => {
  test('names the entry a change of stock made, and the newest one beside a read or a refusal', async () => {
    await changes(201, client.put('/v1/stock/cup', { onHand: 10 }))
    await changes(200, client.put('/v1/stock/cup', { onHand: 12 }))
    await changesNothing(200, client.put('/v1/stock/cup', { onHand: 12 }))
    await changes(200, client.post('/v1/stock/cup/adjustments', { quantity: -2 }, keyed('a')))
    await changesNothing(200, client.post('/v1/stock/cup/adjustments', { quantity: -2 }, keyed('a')))
    await changesNothing(422, client.post('/v1/stock/cup/adjustments', { quantity: 3 }, keyed('a')))
    await changesNothing(409, client.post('/v1/stock/cup/adjustments', { quantity: -11 }))
    await changesNothing(400, client.post('/v1/stock/cup/adjustments', { quantity: 1e12 }))
    await changesNothing(404, client.post('/v1/stock/hat/adjustments', { quantity: 1 }))
    await hold()
    await changesNothing(409, client.put('/v1/stock/cup', { onHand: 0 }))
    await changesNothing(200, client.get('/v1/stock/cup'))
    await changesNothing(200, client.get('/v1/stock'))
    await changesNothing(404, client.get('/v1/stock/hat'))
  })

  test('names the newest entry of a reservation, whoever asks for it', async () => {
    const id = await hold(1, 'h')
    const held = sequence
    await hold()
    await changesNothing(200, client.post('/v1/reservations', cart(1), keyed('h')), held)
    await changesNothing(200, client.get(`/v1/reservations/${id}`), held)
    await changesNothing(200, act(id, 'extend', { ttlSeconds: 1 }), held)
    await changes(200, act(id, 'extend', { ttlSeconds: 3000 }))
    await changes(202, act(id, 'confirm'))
    const confirmed = sequence
    await hold()
    await changesNothing(202, act(id, 'confirm'), confirmed)
    await changes(200, act(await hold(), 'release'))
  })

  test('names the entry after which a refusal was judged', async () => {
    await changesNothing(422, client.post('/v1/reservations', cart(2), keyed('h')))
    await changesNothing(409, client.post('/v1/reservations', cart(100)))
    const unknown = { customerId: 'c', lines: [{ sku: 'hat', quantity: 1 }] }
    await changesNothing(404, client.post('/v1/reservations', unknown))
    const id = await hold(2)
    await changesNothing(409, act(id, 'extend', { ttlSeconds: 86_400 }))
    await changes(202, act(id, 'confirm', { paymentRef: 'a' }))
    await changesNothing(409, act(id, 'confirm', { paymentRef: 'b' }))
    await changesNothing(409, act(id, 'release'))
    await changesNothing(409, act(id, 'extend', { ttlSeconds: 60 }))
    const released = await hold()
    await changes(200, act(released, 'release'))
    await changesNothing(409, act(released, 'confirm'))
  })

  test('is that of the second entry when a late payment makes two', async () => {
    const late = await hold(3)
    await makeOverdue(store.redis, store.keys, late)
    await changesNothing(409, act(late, 'confirm'))
    // Two entries: it expires, and then takes its units again.
    sequence++
    await changes(202, act(late, 'confirm', { ifExpired: 'reacquire' }))
  })

  test('is described', async () => {
    const { paths } = (await client.get('/openapi.json')).body as unknown as Described
    const { responses } = paths['/v1/reservations']?.post ?? { responses: {} }
    const described = Object.entries(responses).filter(([, { headers }]) => headers?.['Holdfast-Position'])
    expect(described.map(([status]) => status)).toEqual(['200', '201', '404', '409', '422'])
  })

  test('is absent where Redis was not asked', async () => {
    expect(positionOf(await client.post('/v1/reservations', {}))).toBeUndefined()
    expect(positionOf(await client.get('/v1/reservations/none'))).toBeUndefined()
    expect(positionOf(await client.get('/healthz'))).toBeUndefined()
  })
})
