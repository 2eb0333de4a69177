import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HttpClient } from '../support/http-client.js'
import { dumpStore } from '../support/store-dump.js'
import { openTestStore } from '../support/test-store.js'

// A failure prints the seed and the smallest input that fails.
const runs = { numRuns: 150 }

const store = await openTestStore()
let client: HttpClient
let before: Record<string, unknown>
let id: string

beforeAll(async () => {
  client = new HttpClient((await store.api()).app)
  await client.put('/v1/stock/cup', { onHand: 1_000_000 })
  const lines = [{ sku: 'cup', quantity: 1 }]
  id = (await client.post('/v1/reservations', { customerId: 'c', lines }, { 'idempotency-key': 'first' }))
    .body.id
})

beforeEach(async () => {
  before = await dumpStore(store.redis, store.name)
})

interface Call {
  method: 'GET' | 'POST' | 'PUT'
  url: string
  headers?: Record<string, string>
  payload?: string
}

/** The call is refused as a problem of the catalogue (the client checks that) and changes nothing. */
async function expectRefused(call: Call, statuses: readonly number[] = [400]): Promise<void> {
  const answer = await client.send(call)
  expect(statuses, `${JSON.stringify(call)} answered ${answer.text}`).toContain(answer.status)
  expect(await dumpStore(store.redis, store.name)).toEqual(before)
}

const json = { 'content-type': 'application/json' }

/** JSON texts that stand for no value of the kind, numbers as they are written and not as parsed. */
const notAText = fc.oneof(
  fc.constantFrom(
    '1',
    'true',
    'null',
    '[]',
    '{}',
    '["a"]',
    '""',
    '"a\\u0000"',
    '"\\u0000"',
    '"a\\tb"',
    '"\\n"',
  ),
  fc.constantFrom('"\\ud800"', '"a\\udc00b"', '"\\u007f"', '"\\u0085"', '"\\u001b[31m"'),
  fc.string({ minLength: 129, maxLength: 400, unit: 'grapheme-ascii' }).map((text) => JSON.stringify(text)),
)
const notANumber = (min: number, max: number) =>
  fc.oneof(
    fc.constantFrom(
      'null',
      'true',
      '"1"',
      '"0x10"',
      '[]',
      '[1]',
      '{}',
      '""',
      '1.5',
      '1e-1',
      '1e400',
      '-1e400',
    ),
    fc.constantFrom('9007199254740993', '18446744073709551617', '1e16', '1e21', '1.0000000000000002'),
    fc.constantFrom('NaN', 'Infinity', '0x10', '01', '+1', '1_000', '--1', '1.', '.5'),
    fc.integer({ min: max + 1, max: Number.MAX_SAFE_INTEGER }).map(String),
    fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: min - 1 }).map(String),
    fc.double({ noInteger: true, noDefaultInfinity: true, noNaN: true }).map(String),
  )
const notASku = fc.oneof(
  notAText,
  fc.constantFrom(
    '"a b"',
    '"a/b"',
    '"a:b"',
    '"a,b"',
    '"ä"',
    '"*"',
    '"../a"',
    '"%41"',
    '"a\\n"',
    '" a"',
    '"🎁"',
  ),
  fc
    .string({ minLength: 65, maxLength: 300, unit: fc.constantFrom('a', 'Z', '0', '.') })
    .map((s) => `"${s}"`),
)
const line = (sku: string, quantity: string) => `{"sku":${sku},"quantity":${quantity}}`
const notLines = fc.oneof(
  fc.constantFrom('null', '{}', '[]', '"cup:1"', '1', '[null]', '["cup"]', '[[]]', '[{}]', '[{"sku":"cup"}]'),
  fc.constantFrom(
    '[{"quantity":1}]',
    '[{"sku":"cup","quantity":1,"price":2}]',
    '{"0":{"sku":"cup","quantity":1}}',
  ),
  fc.constant(`[${Array.from({ length: 51 }, () => line('"cup"', '1')).join(',')}]`),
  notASku.map((sku) => `[${line('"cup"', '1')},${line(sku, '1')}]`),
  notANumber(1, 1_000_000).map((quantity) => `[${line('"cup"', quantity)},${line('"cup"', '1')}]`),
)
const noField = fc
  .string({ minLength: 1, maxLength: 20 })
  .filter((name) => !(name in { customerId: 0, lines: 0, ttlSeconds: 0, orderId: 0, paymentRef: 0 }))
  .filter((name) => !(name in { ifExpired: 0, onHand: 0, quantity: 0, reason: 0 }))

/** Bodies of which one field is not as the call wants it, one is missing, or one is too many. */
function spoilt(
  fields: Record<string, string>,
  bad: Record<string, fc.Arbitrary<string>>,
  optional: string[],
) {
  const render = (all: Record<string, string>) =>
    `{${Object.entries(all)
      .map(([name, text]) => `${JSON.stringify(name)}:${text}`)
      .join(',')}}`
  const missing = Object.keys(fields).filter((name) => !optional.includes(name))
  return fc.oneof(
    ...Object.entries(bad).map(([name, texts]) => texts.map((text) => render({ ...fields, [name]: text }))),
    ...missing.map((name) =>
      fc.constant(render(Object.fromEntries(Object.entries(fields).filter(([n]) => n !== name)))),
    ),
    fc
      .tuple(noField, fc.jsonValue())
      .map(([name, value]) => render({ ...fields, [name]: JSON.stringify(value) })),
    fc
      .nat({ max: render(fields).length - 1 })
      .filter((cut) => cut > 0)
      .map((cut) => render(fields).slice(0, cut)),
    fc
      .jsonValue()
      .filter((value) => typeof value !== 'object' || value === null || Array.isArray(value))
      .map((value) => JSON.stringify(value)),
  )
}

const reserve = spoilt(
  { customerId: '"c"', lines: `[${line('"cup"', '1')}]`, ttlSeconds: '60', orderId: '"o"' },
  { customerId: notAText, lines: notLines, ttlSeconds: notANumber(1, 86_400), orderId: notAText },
  ['ttlSeconds', 'orderId'],
)
const notAChoice = fc.constantFrom('null', '""', '"REFUSE"', '"refuse "', 'true', '0', '["refuse"]', '{}')
const confirm = spoilt(
  { paymentRef: '"p"', ifExpired: '"refuse"' },
  { paymentRef: notAText, ifExpired: notAChoice },
  ['paymentRef', 'ifExpired'],
)
const extend = spoilt({ ttlSeconds: '3600' }, { ttlSeconds: notANumber(1, 86_400) }, [])
const set = spoilt({ onHand: '5' }, { onHand: notANumber(0, 1e12) }, [])
const adjust = spoilt(
  { quantity: '5', reason: '"r"' },
  { quantity: fc.oneof(notANumber(-1e12, 1e12), fc.constantFrom('0', '-0', '0.0', '0e5')), reason: notAText },
  ['reason'],
)
// `null` and nothing at all are an empty body, which confirm and release take.
const notNull = (body: string) => body !== 'null'

const changes: [method: 'POST' | 'PUT', what: string, url: () => string, bodies: fc.Arbitrary<string>][] = [
  ['POST', 'a reservation', () => '/v1/reservations', reserve],
  ['POST', 'a confirm', () => `/v1/reservations/${id}/confirm`, confirm.filter(notNull)],
  [
    'POST',
    'a release',
    () => `/v1/reservations/${id}/release`,
    spoilt({ a: '1' }, {}, []).filter((body) => notNull(body) && body !== '{}'),
  ],
  ['POST', 'an extend', () => `/v1/reservations/${id}/extend`, extend],
  ['PUT', 'the stock of a SKU', () => '/v1/stock/cup', set],
  ['POST', 'an adjustment', () => '/v1/stock/cup/adjustments', adjust],
]

describe('a body that is not as the call wants it', () => {
  test.for(changes)('is refused by %s of %s, which changes nothing', async ([method, _what, url, bodies]) => {
    await fc.assert(
      fc.asyncProperty(bodies, (payload) => expectRefused({ method, url: url(), headers: json, payload })),
      runs,
    )
  })
})

describe('a header that is not as the call wants it', () => {
  const printable = /^[\x21-\x7e]{1,255}$/
  const badKey = fc
    .oneof(
      fc.constantFrom('', ' ', 'a b', 'ä', '\u00a0', 'a\tb', 'a, b'),
      fc.string({ minLength: 256, maxLength: 600, unit: fc.constantFrom('k', '~', '!') }),
      fc.string({
        maxLength: 300,
        unit: fc.integer({ min: 0x80, max: 0xff }).map((n) => String.fromCharCode(n)),
      }),
    )
    .filter((key) => !printable.test(key))

  test('refuses a call with a bad idempotency key', async () => {
    const calls: Call[] = [
      {
        method: 'POST',
        url: '/v1/reservations',
        payload: `{"customerId":"c","lines":[${line('"cup"', '1')}]}`,
      },
      { method: 'POST', url: '/v1/stock/cup/adjustments', payload: '{"quantity":1}' },
    ]
    await fc.assert(
      fc.asyncProperty(badKey, fc.constantFrom(...calls), (key, call) =>
        expectRefused({ ...call, headers: { ...json, 'idempotency-key': key } }),
      ),
      runs,
    )
  })

  test('refuses a call with another content type', async () => {
    const type = fc.oneof(
      fc.constantFrom(
        'text/json',
        'application/x-json',
        'application/json-seq',
        'text/html',
        'a/b',
        '/',
        '*/*',
      ),
      fc
        .string({ minLength: 1, maxLength: 30, unit: 'grapheme-ascii' })
        .filter((text) => !/^\s*application\/json\s*(;|$)/i.test(text) && text.trim() !== ''),
    )
    await fc.assert(
      fc.asyncProperty(type, (contentType) =>
        expectRefused(
          {
            method: 'PUT',
            url: '/v1/stock/cup',
            headers: { 'content-type': contentType },
            payload: '{"onHand":5}',
          },
          [415],
        ),
      ),
      runs,
    )
  })

  test('refuses a call that names no store of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 80, unit: 'grapheme-ascii' }), (name) =>
        expectRefused({ method: 'GET', url: '/v1/stock/cup', headers: { 'holdfast-store': name } }, [404]),
      ),
      runs,
    )
  })
})

describe('a path that is not as the call wants it', () => {
  const sku = /^[A-Za-z0-9._-]{1,64}$/
  const badSku = fc
    .oneof(
      fc.string({ minLength: 1, maxLength: 100, unit: 'binary' }),
      fc.string({ minLength: 65, maxLength: 240, unit: fc.constantFrom('a', 'Z', '9', '-') }),
      fc.constantFrom(
        'a b',
        'a/b',
        'a:b',
        '\0',
        'cup\0',
        'cup\n',
        '*',
        '../cup',
        'cup,hat',
        '🎁',
        '%',
        '{cup}',
      ),
    )
    .filter((text) => !sku.test(text))

  test('refuses a bad SKU in every call that names one', async () => {
    await fc.assert(
      fc.asyncProperty(badSku, async (text) => {
        const url = `/v1/stock/${encodeURIComponent(text)}`
        await expectRefused({ method: 'GET', url })
        await expectRefused({ method: 'PUT', url, headers: json, payload: '{"onHand":5}' })
        await expectRefused({
          method: 'POST',
          url: `${url}/adjustments`,
          headers: json,
          payload: '{"quantity":1}',
        })
      }),
      runs,
    )
  })

  test('knows no reservation by a bad id', async () => {
    const badId = fc.oneof(
      badSku,
      fc.uuid(),
      fc.uuid().map((text) => text.toUpperCase()),
    )
    await fc.assert(
      fc.asyncProperty(badId, async (text) => {
        const url = `/v1/reservations/${encodeURIComponent(text)}`
        await expectRefused({ method: 'GET', url }, [400, 404])
        await expectRefused({ method: 'POST', url: `${url}/confirm` }, [400, 404])
        await expectRefused({ method: 'POST', url: `${url}/release` }, [400, 404])
        const payload = '{"ttlSeconds":60}'
        await expectRefused({ method: 'POST', url: `${url}/extend`, headers: json, payload }, [400, 404])
      }),
      runs,
    )
  })
})

describe('a query that is not as the call wants it', () => {
  const badLimit = fc.oneof(
    fc.constantFrom(
      '',
      '0',
      '-1',
      '501',
      '1e2',
      '0x10',
      '1.5',
      '01',
      'ten',
      ' 1',
      '1 ',
      'NaN',
      '5,6',
      '999999999999',
    ),
    fc.string({ minLength: 1, maxLength: 10 }).filter((text) => !/^([1-9]\d?|[1-4]\d\d|500)$/.test(text)),
  )
  const query = (name: string, value: fc.Arbitrary<string>) =>
    value.map((text) => `${name}=${encodeURIComponent(text)}`)
  const unknown = fc.constantFrom(
    'page=1',
    'Limit=1',
    'limit[]=1',
    'limit=1&limit=2',
    '__proto__=1',
    'constructor=1',
  )

  test('refuses to list stock', async () => {
    const bad = fc.oneof(
      query('limit', badLimit),
      query('cursor', fc.constantFrom('', 'a b', '*', '\0', 'x'.repeat(65))),
      unknown,
    )
    await fc.assert(
      fc.asyncProperty(bad, (text) => expectRefused({ method: 'GET', url: `/v1/stock?${text}` })),
      runs,
    )
  })

  test('refuses to read the ledger', async () => {
    const bad = fc.oneof(
      query('limit', badLimit),
      query('sku', fc.constantFrom('', 'a b', "' OR 1=1 --", '\0', 'x'.repeat(65))),
      query('reservationId', fc.constantFrom('', 'x', "' OR 1=1 --", `${'0'.repeat(36)}`, '%')),
      query(
        'after',
        fc.constantFrom(
          '',
          '1',
          '1-',
          '-1',
          '1--1',
          '1-1-1',
          '1e3-1',
          '1-9999999999999999',
          '0x1-1',
          'nan-1',
        ),
      ),
      unknown,
    )
    await fc.assert(
      fc.asyncProperty(bad, (text) => expectRefused({ method: 'GET', url: `/v1/ledger?${text}` })),
      runs,
    )
  })
})
