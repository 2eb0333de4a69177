import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import type { Call, Contract, Parameter, Schema } from './contract.js'
import type { RawRequest } from './raw-client.js'

/** What exists in the store under test: requests are mostly about it, or they would all be 404. */
export interface Pool {
  stores: string[]
  skus: string[]
  reservations: string[]
}

/** A request and what the document calls it, if it is one of its calls. */
export interface GeneratedRequest extends RawRequest {
  /** As the request line has them; undefined where there is no such line. */
  line: { method: string; target: string } | undefined
  /** Broken as HTTP: it may also be answered by a closed connection. */
  isBroken: boolean
}

type Header = readonly [name: string, value: string]

interface Parts {
  method: string
  target: string
  headers: Header[]
  body: Buffer | undefined
}

/** How a batch of requests is made; some of each are also broken as HTTP. */
export type Batch = 'mostly as described' | 'spoilt' | 'spoilt and to be refused'

/** Requests for every call of the contract. */
export function requests(contract: Contract, pool: Pool, batch: Batch): fc.Arbitrary<GeneratedRequest> {
  // An event stream has no last byte to wait for.
  const ending = contract.calls.filter(({ path }) => path !== '/v1/events')
  const whole = ending.map((call) => {
    const valid = asDescribed(call, pool)
    const spoilt = fc.tuple(valid, faults(call)).map(([parts, changes]) => spoil(parts, changes))
    if (batch === 'mostly as described') {
      return fc.oneof({ weight: 7, arbitrary: valid }, { weight: 3, arbitrary: spoilt })
    }
    if (batch === 'spoilt') return spoilt
    return fc
      .tuple(fc.oneof(valid, spoilt), poisons)
      .map(([parts, poison]) => (['GET', 'HEAD'].includes(parts.method) ? parts : poison(parts)))
  })
  return fc.oneof(
    { weight: 9, arbitrary: fc.oneof(...whole).map(render) },
    { weight: 1, arbitrary: broken(toBreak(contract)) },
  )
}

// --- requests as described

function asDescribed(call: Call, pool: Pool): fc.Arbitrary<Parts> {
  const values = call.parameters.map((parameter) => {
    const value = described(parameter.schema, parameterPool(parameter, call, pool)).map(String)
    // A named store that is not there makes 404 of everything: mostly none is named.
    const frequency = parameter.in === 'header' ? 5 : 2
    return parameter.required ? value : fc.option(value, { nil: undefined, freq: frequency })
  })
  const body = call.body ? described(call.body, pool) : fc.constant(undefined)
  return fc.tuple(fc.tuple(...values), body).map(([given, content]) => {
    let target = call.path
    const query: string[] = []
    const headers: Header[] = []
    given.forEach((value, index) => {
      const { name, in: place } = call.parameters[index] as Parameter
      if (value === undefined) return
      if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(value))
      else if (place === 'query') query.push(`${name}=${encodeURIComponent(value)}`)
      else headers.push([name, value])
    })
    if (query.length > 0) target += `?${query.join('&')}`
    if (content === undefined) return { method: call.method, target, headers, body: undefined }
    headers.push(['content-type', 'application/json'])
    return { method: call.method, target, headers, body: Buffer.from(JSON.stringify(content)) }
  })
}

/** The parameter `id` is that of a reservation, but for reports; stores have the pattern of SKUs. */
function parameterPool({ name, in: place }: Parameter, { path }: Call, pool: Pool): Pool {
  if (name === 'Holdfast-Store') return { ...pool, skus: pool.stores }
  const isReport = place === 'path' && name === 'id' && !path.startsWith('/v1/reservations/')
  return isReport ? { ...pool, reservations: [] } : pool
}

const longTtlSeconds = { min: 3600, max: 86_400 }

/** A value of the schema; the names of fields say what it should be about. */
function described(schema: Schema, pool: Pool, name = ''): fc.Arbitrary<unknown> {
  const { anyOf, type, pattern, minimum = 0, maximum = 1_000_000 } = schema
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (anyOf) return fc.oneof(...anyOf.map((each) => described(each, pool, name)))
  // Nothing is to expire while refused requests are compared with what was there before.
  if (name === 'ttlSeconds') return fc.integer(longTtlSeconds)
  switch (type) {
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: Math.max(minimum, -5), max: Math.min(maximum, 5) }) },
        { weight: 1, arbitrary: fc.constantFrom(minimum, maximum) },
        { weight: 1, arbitrary: fc.integer({ min: minimum, max: maximum }) },
      )
    case 'array': {
      const { minItems = 0, maxItems = 5, items = {} } = schema
      return fc.array(described(items, pool, name), { minLength: minItems, maxLength: Math.min(maxItems, 5) })
    }
    case 'object': {
      const { properties = {}, required = [] } = schema
      const fields = Object.entries(properties).map(([field, part]) => [field, described(part, pool, field)])
      return fc.record<Record<string, unknown>>(Object.fromEntries(fields), { requiredKeys: required })
    }
    default:
      return describedText(schema, pool, pattern)
  }
}

function describedText(schema: Schema, pool: Pool, pattern: string | undefined): fc.Arbitrary<string> {
  const { format, minLength = 1, maxLength = 64 } = schema
  if (format === 'uuid') return known(pool.reservations, fc.uuid())
  if (pattern === undefined) return known(pool.reservations, fc.stringMatching(/^[1-9][0-9]{0,3}$/))
  if (pattern.includes('\\p')) return fc.string({ minLength, maxLength: Math.min(maxLength, 20) })
  if (pattern.startsWith('^[A-Za-z0-9._-]')) return known(pool.skus, fc.stringMatching(new RegExp(pattern)))
  return fc.stringMatching(new RegExp(pattern))
}

function known(names: readonly string[], others: fc.Arbitrary<string>): fc.Arbitrary<string> {
  if (names.length === 0) return others
  return fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: others })
}

// --- spoilt requests

const hostileTexts = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '__proto__',
    'constructor',
    'prototype',
    'hasOwnProperty',
    'toString',
  ),
  fc.constantFrom(
    '../../etc/passwd',
    '%00',
    '%2e%2e%2f',
    '..',
    '.',
    '/',
    '\\',
    '%',
    '%zz',
    '%c0%80',
    '*',
    '{}',
  ),
  fc.constantFrom("' OR 1=1 --", '"; DROP TABLE stock; --', '$(id)', '{{7*7}}', '<script>alert(1)</script>'),
  fc.constantFrom('\u202e', '🎁', 'é', 'e\u0301', '\ufeff', '\u2028', '\ud800', '\udfff', '\u0085', '\x7f'),
  fc.constantFrom('NaN', '1e3', '0x10', '-0', '-1', '1.5', 'null', 'undefined', 'true', '9'.repeat(400)),
  fc.constantFrom('A'.repeat(65), 'A'.repeat(129), 'A'.repeat(300), 'A'.repeat(5000), '\r\nX-Injected: 1'),
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc.string({ maxLength: 300, unit: 'grapheme' }),
)

/** JSON as it is written, with numbers and texts that no parser would give back. */
const hostileJson = fc.oneof(
  fc.constantFrom(
    'null',
    'true',
    'false',
    '[]',
    '{}',
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '[null]',
    '[[]]',
    '{"":{}}',
  ),
  fc.constantFrom(
    '-1',
    '0',
    '-0',
    '1.5',
    '1e400',
    '-1e400',
    '1e21',
    '9007199254740993',
    '99999999999999999999',
  ),
  fc.constantFrom(
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '"__proto__"',
  ),
  hostileTexts.map((text) => JSON.stringify(text)),
  fc.json({ maxDepth: 4 }),
)

const hostileBodies = fc.oneof(
  { weight: 6, arbitrary: hostileJson.map((text) => Buffer.from(text)) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(
        '{',
        '}',
        '{"a"}',
        '{"a":1,}',
        "{'a':1}",
        '{"a":1}{"a":1}',
        'NaN',
        '01',
        '\ufeff{}',
        '{"a":\n',
        'a',
      )
      .map((text) => Buffer.from(text)),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(
        '{"customerId":"a","customerId":"b","lines":[],"lines":[]}',
        '{"__proto__":{"onHand":5}}',
        '{"onHand":5,"__proto__":null}',
        '{"onHand":5,"constructor":{"prototype":{}}}',
        '{"onHand":5,"\\u005f\\u005fproto\\u005f\\u005f":{}}',
        '{"quantity":0}',
      )
      .map((text) => Buffer.from(text)),
  },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      Buffer.from(`{"reason":"${'x'.repeat(70_000)}","quantity":1}`),
      Buffer.from('['.repeat(30_000)),
      Buffer.from(`${'{"a":'.repeat(8000)}1${'}'.repeat(8000)}`),
      Buffer.from(`{"lines":[${'{"sku":"cup","quantity":1},'.repeat(2000)}{}]}`),
      Buffer.alloc(200_000, ' '),
      Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
      Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
      gzipSync('{"onHand":5}'),
    ),
  },
)

/** Values of headers are sent as Latin-1; what would end the header is left out here. */
const headerText = hostileTexts.map((text) => text.replace(/[\r\n\0]/g, '').slice(0, 3000))

const hostileHeaders: fc.Arbitrary<Header[]> = fc.oneof(
  headerText.map((text): Header[] => [['idempotency-key', text]]),
  headerText.map((text): Header[] => [['holdfast-store', text]]),
  headerText.map((text): Header[] => [['x-request-id', text]]),
  headerText.map((text): Header[] => [['authorization', text]]),
  headerText.map((text): Header[] => [['content-type', text]]),
  fc.constantFrom<Header[]>(
    [
      ['idempotency-key', 'a'],
      ['idempotency-key', 'b'],
    ],
    [
      ['holdfast-store', 'main'],
      ['holdfast-store', 'main'],
    ],
    [
      ['content-type', 'application/json'],
      ['content-type', 'text/plain'],
    ],
    [['content-type', 'application/json; charset=utf-16']],
    [['content-type', 'multipart/form-data; boundary=x']],
    [['content-type', 'application/x-www-form-urlencoded']],
    [['content-encoding', 'gzip']],
    [['accept', 'text/html']],
    [['accept-encoding', 'br;q=1e9, *;q=nan']],
    [['expect', '100-continue']],
    [['expect', 'a miracle']],
    [
      ['upgrade', 'websocket'],
      ['sec-websocket-key', 'eA=='],
    ],
    [['x-http-method-override', 'DELETE']],
    [['x-forwarded-for', '127.0.0.1, ::1']],
    [['if-none-match', '*']],
    [['range', 'bytes=0-0']],
    [
      ['__proto__', 'x'],
      ['constructor', 'x'],
    ],
    [['cookie', 'a='.repeat(500)]],
    [['origin', 'https://evil.example']],
    [
      ['te', 'trailers'],
      ['trailer', 'holdfast-store'],
    ],
    Array.from({ length: 150 }, (_, i): Header => [`x-many-${i}`, 'x']),
  ),
)

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']

type Change = (from: Parts) => Parts

function spoil(parts: Parts, changes: readonly Change[]): Parts {
  return changes.reduce((from, change) => change(from), parts)
}

/** One to three changes of the parts of a request. */
function faults({ path }: Call): fc.Arbitrary<Change[]> {
  const ways: fc.Arbitrary<Change>[] = [
    hostileBodies.map((body) => (from) => ({ ...from, body })),
    hostileJson.chain((json) =>
      fc.nat(20).map((at) => (from) => ({ ...from, body: withField(from.body, at, json) })),
    ),
    hostileJson.chain((json) =>
      fc.nat(20).map((at) => (from) => ({ ...from, body: withField(from.body, at, json) })),
    ),
    fc.tuple(hostileTexts, hostileJson).map(([name, json]) => (from) => ({
      ...from,
      body: withMoreFields(from.body, name, json),
    })),
    fc.nat(20).map((at) => (from) => ({ ...from, body: withoutField(from.body, at) })),
    fc
      .nat()
      .map((at) => (from) => ({ ...from, body: from.body?.subarray(0, at % Math.max(from.body.length, 1)) })),
    fc.constant((from) => ({ ...from, body: from.body && deflateSync(from.body) })),
    hostileHeaders.map((headers) => (from) => ({ ...from, headers: [...from.headers, ...headers] })),
    hostileHeaders.map((headers) => (from) => ({ ...from, headers: [...from.headers, ...headers] })),
    fc.constantFrom(...methods).map((method) => (from) => ({ ...from, method })),
    hostileTexts.map((text) => (from) => ({ ...from, target: path.replace(/\{\w+\}/, () => encode(text)) })),
    fc
      .tuple(
        fc.constantFrom('limit', 'cursor', 'sku', 'after', 'reservationId', 'page', '__proto__'),
        hostileTexts,
      )
      .map(([name, text]) => (from) => ({
        ...from,
        target: `${from.target}${from.target.includes('?') ? '&' : '?'}${name}=${encode(text)}`,
      })),
    fc
      .constantFrom<(target: string) => string>(
        (target) => `${target}/`,
        (target) => `/${target}`,
        (target) => target.toUpperCase(),
        (target) => target.replace('/v1/', '/v1/../v1/'),
        (target) => target.replace('/v1', '/v2'),
        (target) => `http://127.0.0.1${target}`,
        (target) => `${target}%`,
        (target) => `${target}?${'a=b&'.repeat(200)}`,
        (target) => `${target}#fragment`,
        (target) => `${target};jsessionid=1`,
        (target) => target.replace('/', '/%2e%2e/'),
        () => '*',
        () => '/docs/static/../../package.json',
        () => `/${'a/'.repeat(2000)}`,
      )
      .map((change) => (from) => ({ ...from, target: change(from.target) })),
  ]
  return fc.array(fc.oneof(...ways), { minLength: 1, maxLength: 3 })
}

const json: Header = ['content-type', 'application/json']

/** Faults that no call overlooks. */
const poisons = fc.constantFrom<Change>(
  (from) => ({ ...from, body: withMoreFields(from.body, 'price', '1'), headers: [...untyped(from), json] }),
  (from) => ({ ...from, body: Buffer.from('{"a"'), headers: [...untyped(from), json] }),
  (from) => ({ ...from, body: Buffer.from([0x22, 0xc3, 0x28, 0x22]), headers: [...untyped(from), json] }),
  (from) => ({ ...from, body: Buffer.alloc(66_000, ' '), headers: [...untyped(from), json] }),
  (from) => ({
    ...from,
    body: Buffer.from('{}'),
    headers: [...untyped(from), ['content-type', 'text/plain']],
  }),
  (from) => ({ ...from, headers: [...from.headers, ['holdfast-store', 'no-such-store']] }),
  (from) => ({ ...from, method: 'DELETE' }),
  (from) => ({ ...from, method: 'PATCH' }),
  (from) => ({ ...from, target: from.target.replace('/v1/', '/v0/') }),
)

/** Node keeps the first content type of several. */
function untyped({ headers }: Parts): Header[] {
  return headers.filter(([name]) => name !== 'content-type')
}

/** In a path or a query; lone surrogates have no encoding. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, '\ufffd'))
}

function fieldsOf(body: Buffer | undefined): [string, string][] {
  try {
    const value = JSON.parse(body?.toString() ?? '{}') as unknown
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
    return Object.entries(value).map(([name, field]) => [name, JSON.stringify(field)])
  } catch {
    return []
  }
}

function joined(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.from(`{${fields.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`)
}

function withField(body: Buffer | undefined, at: number, json: string): Buffer {
  const fields = fieldsOf(body)
  return joined(fields.map(([name, was], i) => [name, i === at % fields.length ? json : was]))
}

function withoutField(body: Buffer | undefined, at: number): Buffer {
  const fields = fieldsOf(body)
  return joined(fields.filter((_, i) => i !== at % fields.length))
}

function withMoreFields(body: Buffer | undefined, name: string, json: string): Buffer {
  return joined([...fieldsOf(body), [name, json]])
}

function render({ method, target, headers, body }: Parts): GeneratedRequest {
  const all: Header[] = [['host', '127.0.0.1'], ...headers, ['connection', 'close']]
  if (body) all.push(['content-length', String(body.length)])
  // What cannot stand in a request line is not sent there.
  const plain = target.replace(/[^\x21-\x7e]/g, (character) => encode(character)) || '/'
  return {
    line: { method, target: plain },
    isBroken: false,
    isHead: method === 'HEAD',
    endsThere: false,
    bytes: head(`${method} ${plain} HTTP/1.1`, all, body),
  }
}

function head(line: string, headers: readonly Header[], body: Buffer = Buffer.alloc(0)): Buffer {
  const lines = [line, ...headers.map(([name, value]) => `${name}: ${value}`), '', '']
  return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), body])
}

// --- requests that are broken as HTTP

/** Calls that would change nothing if they were read as whole: their answer may be lost. */
function toBreak({ calls }: Contract): fc.Arbitrary<Parts> {
  const harmless = calls.filter(({ path }) => path !== '/v1/reconciliations')
  const nowhere = { stores: [], skus: ['cup'], reservations: [] }
  return fc.oneof(...harmless.map((call) => asDescribed(call, nowhere)))
}

const smuggled =
  'PUT /v1/stock/SMUGGLED HTTP/1.1\r\nhost: localhost\r\ncontent-length: 12\r\n\r\n{"onHand":5}'

/** Framing that lies, lines that are none, and other protocols. The call would be a valid one. */
function broken(valid: fc.Arbitrary<Parts>): fc.Arbitrary<GeneratedRequest> {
  const framings: ((parts: Parts) => Buffer)[] = [
    (parts) => framed(parts, [['content-length', String(bodyOf(parts).length + 7)]]),
    (parts) => framed(parts, [['content-length', '-1']]),
    (parts) => framed(parts, [['content-length', '1e1']]),
    (parts) => framed(parts, [['content-length', '99999999999999999999']]),
    (parts) =>
      framed(parts, [
        ['content-length', '3'],
        ['content-length', '5'],
      ]),
    (parts) =>
      framed(
        parts,
        [
          ['content-length', '4'],
          ['transfer-encoding', 'chunked'],
        ],
        `0\r\n\r\n${smuggled}`,
      ),
    (parts) =>
      framed(
        parts,
        [
          ['transfer-encoding', 'chunked'],
          ['transfer-encoding', 'identity'],
        ],
        smuggled,
      ),
    (parts) => framed(parts, [['transfer-encoding', 'xchunked']], `0\r\n\r\n${smuggled}`),
    (parts) => framed(parts, [['transfer-encoding', 'chunked']], `zz\r\n${bodyOf(parts)}\r\n0\r\n\r\n`),
    (parts) => framed(parts, [['transfer-encoding', 'chunked']], 'fffffffffffffffff\r\na'),
    (parts) => framed(parts, [['transfer-encoding', 'chunked']], '5\r\n{"onH'),
    (parts) => framed(parts, [['transfer-encoding', 'chunked']], '2;ext=\0\r\n{}\r\n0\r\n\r\n'),
    (parts) => framed(parts, [['x-padding', 'x'.repeat(20_000)]]),
    (parts) =>
      framed(
        parts,
        Array.from({ length: 3000 }, (_, i): Header => [`x-${i}`, 'x']),
      ),
    (parts) => framed(parts, [['x-null', 'a\0b']]),
    (parts) => framed(parts, [['x-line', 'a\nx-injected: 1']]),
    (parts) => framed(parts, [['bad name', 'x']]),
    (parts) => framed(parts, [['', 'x']]),
    (parts) => framed(parts, [[' folded', 'x']]),
    ({ method, target }) => head(`${method} ${target} HTTP/1.1`, [['connection', 'close']]),
    ({ method, target }) =>
      head(`${method} ${target} HTTP/1.1`, [
        ['host', 'localhost'],
        ['host', 'b'],
      ]),
    ({ method, target }) => head(`${method} ${target} HTTP/9.9`, [['host', 'localhost']]),
    ({ method, target }) => head(`${method} ${target}`, [['host', 'localhost']]),
    ({ method, target }) => head(`${method}  ${target}  HTTP/1.1`, [['host', 'localhost']]),
    ({ target }) => head(`HACK ${target} HTTP/1.1`, [['host', 'localhost']]),
    ({ method }) => head(`${method} /v1/stock/\xff\x00 HTTP/1.1`, [['host', 'localhost']]),
    ({ target }) => head(`CONNECT ${target} HTTP/1.1`, [['host', 'localhost']]),
    ({ target }) => Buffer.from(`GET ${target} HTTP/1.1\nhost: localhost\n\n`),
    () => Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'),
    () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    () => Buffer.from('*1\r\n$8\r\nFLUSHALL\r\n'),
    () => Buffer.from('\r\n\r\n\r\n'),
    () => Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\nx'),
    () => Buffer.from(`GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n${'nonsense '.repeat(30)}\r\n\r\n`),
  ]
  const bytes = fc.tuple(valid, fc.constantFrom(...framings)).map(([parts, frame]) => frame(parts))
  const noise = fc.uint8Array({ minLength: 1, maxLength: 400 }).map((array) => Buffer.from(array))
  return fc.oneof({ weight: 9, arbitrary: bytes }, { weight: 1, arbitrary: noise }).map((sent) => ({
    line: undefined,
    isBroken: true,
    isHead: sent.subarray(0, 4).toString() === 'HEAD',
    endsThere: true,
    bytes: sent,
  }))
}

function bodyOf({ body }: Parts): Buffer {
  return body ?? Buffer.alloc(0)
}

function framed({ method, target, headers }: Parts, more: Header[], body = '{}'): Buffer {
  return head(`${method} ${target} HTTP/1.1`, [['host', 'localhost'], ...headers, ...more], Buffer.from(body))
}
