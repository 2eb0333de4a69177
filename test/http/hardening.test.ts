import { beforeAll, describe, expect, test } from 'vitest'
import { refusals } from '../../src/domain/outcomes.js'
import { type Answer, expectProblem, HttpClient } from '../support/http-client.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
const hold = { customerId: 'c', lines: [{ sku: 'cup', quantity: 1 }] }
let client: HttpClient

beforeAll(async () => {
  client = new HttpClient((await store.api()).app)
  await client.put('/v1/stock/cup', { onHand: 10 })
})

/** The directives of an answer's Content-Security-Policy. */
function policyOf(answer: Answer): Record<string, string> {
  const text = String(answer.headers['content-security-policy'])
  return Object.fromEntries(text.split('; ').map((part) => part.split(/ (.*)/, 2) as [string, string]))
}

describe('every answer of the API', () => {
  test.for([
    ['a hold', 201, () => client.post('/v1/reservations', hold)],
    ['a read', 200, () => client.get('/v1/stock/cup')],
    ['health', 200, () => client.get('/healthz')],
    ['readiness', 200, () => client.get('/readyz')],
    ['figures', 200, () => client.get('/metrics')],
    ['the description', 200, () => client.get('/openapi.json')],
    [
      'a refusal',
      409,
      () => client.post('/v1/reservations', { ...hold, lines: [{ sku: 'cup', quantity: 99 }] }),
    ],
    ['bad input', 400, () => client.post('/v1/reservations', { ...hold, extra: 1 })],
    ['no such store', 404, () => client.get('/v1/stock/cup', { 'holdfast-store': 'no-such' })],
    ['no such path', 404, () => client.get('/nothing')],
    ['a path that cannot be decoded', 400, () => client.get('/v1/stock/%zz')],
  ] as const)('keeps browsers from making more of it than data: %s', async ([_what, status, call]) => {
    const answer = await call()
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    expect(policyOf(answer)).toEqual({ 'default-src': "'none'", 'frame-ancestors': "'none'" })
    expect(Object.keys(answer.headers)).not.toContain('x-powered-by')
    expect(Object.keys(answer.headers)).not.toContain('server')
  })
})

describe('a page', () => {
  test.for(['/', '/docs/', '/docs/static/swagger-ui.css'])(
    'may load and do no more than this: %s',
    async (path) => {
      const answer = await client.get(path)
      expect(answer.status).toBe(200)
      expect(policyOf(answer)).toEqual({
        'default-src': "'none'",
        'script-src': "'self'",
        'style-src': "'self'",
        'img-src': "'self' data:",
        'font-src': "'self'",
        'connect-src': "'self'",
        'base-uri': "'none'",
        'form-action': "'none'",
        'frame-ancestors': "'none'",
      })
      expect(answer.headers).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'origin-agent-cluster': '?1',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-dns-prefetch-control': 'off',
        'x-frame-options': 'DENY',
        'x-permitted-cross-domain-policies': 'none',
      })
    },
  )

  test('loads nothing but files of the service, and none of them is inline', async () => {
    const page = await client.get('/docs/')
    expect(page.status).toBe(200)
    expect(page.text).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/i)
    const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string)
    expect(files.length).toBeGreaterThanOrEqual(5)
    for (const file of files) {
      const { pathname } = new URL(file, 'http://service/docs/')
      const answer = await client.app.inject(pathname)
      expect(answer.statusCode, pathname).toBe(200)
      expect(answer.headers['x-content-type-options'], pathname).toBe('nosniff')
    }
    const script = (await client.app.inject('/docs/static/swagger-initializer.js')).body
    expect(script).not.toContain('validator.swagger.io')
  })
})

describe('an answer to what broke inside', () => {
  test('tells the id of the request and nothing else', async () => {
    const { redis, keys } = store
    const { id } = (await client.post('/v1/reservations', hold)).body
    const record = (await redis.hget(keys.reservations, id)) as string
    await redis.hset(keys.reservations, id, 'secret\tnonsense')
    for (const call of [
      () => client.get(`/v1/reservations/${id}`, { 'x-request-id': 'order-7' }),
      () => client.post(`/v1/reservations/${id}/confirm`, {}, { 'x-request-id': 'order-7' }),
    ]) {
      const answer = await call()
      expectProblem(answer, 'internal-error')
      expect(answer.body.detail).toBe('Repeat the call with the same key. Request order-7.')
      expect(answer.text).not.toMatch(/secret|malformed|record/)
    }
    await redis.hset(keys.reservations, id, record)
    const stock = (await redis.dumpBuffer(keys.stock)) as Buffer
    await redis.set(keys.stock, 'no hash')
    const broken = await client.post('/v1/reservations', hold, { 'x-request-id': 'order-8' })
    expectProblem(broken, 'internal-error')
    expect(broken.text).not.toMatch(/WRONGTYPE|lua|script|stock/i)
    await redis.restore(keys.stock, 0, stock, 'REPLACE')
    expect((await client.get('/v1/stock/cup')).status).toBe(200)
  })

  test('tells nothing of a database whose tables are gone', async () => {
    const { app } = await store.api({ confirmWaitMs: 0 })
    const other = new HttpClient(app)
    await eventually(async () => (await other.get('/readyz')).status === 200, 'it is ready')
    await store.database.$executeRawUnsafe(
      'RENAME TABLE ledger TO ledger_away, reservations TO reservations_away',
    )
    try {
      for (const path of ['/v1/ledger', '/v1/reservations/0190b0a0-0000-7000-8000-000000000000']) {
        const answer = await other.get(path)
        expectProblem(answer, 'mysql-unavailable')
        expect(answer.body.detail).toBe(refusals['mysql-unavailable'].title)
      }
    } finally {
      await store.database.$executeRawUnsafe(
        'RENAME TABLE ledger_away TO ledger, reservations_away TO reservations',
      )
    }
  })
})
