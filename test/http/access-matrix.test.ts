import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Api } from '../../src/api.js'
import { type Scope, scopes } from '../../src/domain/api-key.js'
import { refusals } from '../../src/domain/outcomes.js'
import { revokeKey } from '../../src/ledger/api-keys.js'
import { makeKey } from '../support/api-keys.js'
import { type Description, type Operation, sampleBody, sampleOf } from '../support/openapi-samples.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually, openTestStore } from '../support/test-store.js'

/*
 * Every call that the API's own description names, with every key that must not open it and every one
 * that must. The calls are made over connections, as some answers never end.
 */

const store = await openTestStore({ confirmWaitMs: 0 })
const other = `${store.name}-other`
let api: Api
let url: string
/** Held, in the store and in the other one. */
let reservation: string
let otherReservation: string
let cases = 0

const keys: Record<string, string> = {}
const ofScope = (scope: Scope) => keys[`all ${scope}`] as string

// Named by the document, before any test is: the tests are made from it.
api = await store.api({ stores: [store.name, other] })
const description = (await api.app.inject('/openapi.json')).json() as Description
const calls = Object.entries(description.paths)
  .filter(([path]) => path.startsWith('/v1/'))
  .flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      const call = { path, operation, allowed: allowedScopes(operation), method: method.toUpperCase() }
      // The server answers HEAD wherever it answers GET, but for what never ends.
      return method === 'get' && path !== '/v1/events' ? [call, { ...call, method: 'HEAD' }] : [call]
    }),
  )

type Call = (typeof calls)[number]

function allowedScopes({ security = [] }: Operation): Scope[] {
  return security.flatMap(({ apiKey = [] }) => apiKey as Scope[])
}

beforeAll(async () => {
  const admin = await makeKey(store.database, { name: 'first' })
  await eventually(() => api.keyring.state === 'guarded', 'keys are asked for')
  url = await api.listen()
  for (const scope of scopes) {
    keys[`all ${scope}`] = await makeKey(store.database, { scopes: [scope] })
    keys[`own ${scope}`] = await makeKey(store.database, { scopes: [scope], store: store.name })
  }
  keys.other = await makeKey(store.database, { store: other, scopes: [...scopes] })
  keys.elsewhere = await makeKey(store.database, { store: 'not-served-here' })
  keys.expired = await makeKey(store.database, { expiresAtMs: Date.now() - 1 })
  keys.revoked = await makeKey(store.database, { name: 'revoked' })
  await revokeKey(store.database, 'revoked')
  await eventually(() => api.keyring.find(`Bearer ${keys.elsewhere}`) !== undefined, 'the keys are known')
  reservation = await hold(admin, store.name)
  otherReservation = await hold(admin, other)
})

afterAll(async () => {
  console.log(`${cases} cases of who may call what, over ${calls.length} calls`)
  for await (const names of store.redis.scanStream({ match: `holdfast:{${other}}:*`, count: 1000 })) {
    if (names.length > 0) await store.redis.unlink(...(names as string[]))
  }
})

async function hold(key: string, name: string): Promise<string> {
  const headers = { authorization: `Bearer ${key}`, 'holdfast-store': name }
  const app = api.app
  await app.inject({ method: 'PUT', url: '/v1/stock/SNEAKER-42', headers, payload: { onHand: 100 } })
  const lines = [{ sku: 'SNEAKER-42', quantity: 1 }]
  const payload = { customerId: 'c', lines }
  const answer = await app.inject({ method: 'POST', url: '/v1/reservations', headers, payload })
  expect(answer.statusCode).toBe(201)
  return answer.json().id
}

interface Answer {
  status: number
  challenge: string | null
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever fields the contract names.
  problem: any
}

/** Makes a valid call. An answer that is not a problem is not read further than its status. */
async function send(call: Call, headers: Record<string, string>, id = reservation): Promise<Answer> {
  cases++
  const path = call.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    if (name === 'id' && call.path.includes('/reservations/')) return id
    const parameter = call.operation.parameters?.find((each) => each.in === 'path' && each.name === name)
    return String(sampleOf(parameter?.schema ?? {}))
  })
  const body = sampleBody(call.operation)
  const hangUp = new AbortController()
  const response = await fetch(url + path, {
    method: call.method,
    signal: hangUp.signal,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const isProblem = response.headers.get('content-type')?.includes('problem+json') && call.method !== 'HEAD'
  const problem = isProblem ? await response.json() : undefined
  hangUp.abort()
  const { status } = response
  expect(Object.keys(call.operation.responses).map(Number), `${call.method} ${path}`).toContain(status)
  return { status, challenge: response.headers.get('www-authenticate'), problem }
}

/** All of Redis and MySQL that a call could change. */
async function everything(): Promise<unknown> {
  const tables = await store.database.$queryRaw<{ name: string }[]>`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE()`
  const rows: Record<string, unknown> = {}
  for (const { name } of tables) rows[name] = await store.database.$queryRawUnsafe(`SELECT * FROM ${name}`)
  return [await dumpStore(store.redis, store.name), await dumpStore(store.redis, other), rows]
}

const bearer = (key: string | undefined) => ({ authorization: `Bearer ${key}` })

function expectUnauthorized({ status, challenge, problem }: Answer, what: string): void {
  expect([status, challenge], what).toEqual([401, 'Bearer realm="holdfast"'])
  if (problem) {
    const { title } = refusals.unauthorized
    const detail = 'Send Authorization: Bearer KEY.'
    expect(problem, what).toEqual({ type: 'urn:holdfast:unauthorized', title, status, detail })
  }
}

test('the description names every call that is served, and the scopes that each needs', () => {
  expect(calls.length).toBeGreaterThanOrEqual(13)
  for (const { method, path, operation, allowed } of calls) {
    expect(allowed, `${method} ${path}`).toContain('admin')
    expect(allowed.every((scope) => scopes.includes(scope))).toBe(true)
    expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '403', '404']))
  }
})

describe.each(calls.map((call) => [`${call.method} ${call.path}`, call] as const))('%s', (_name, call) => {
  let before: unknown

  beforeAll(async () => {
    before = await everything()
  })

  test('answers 401 without a valid key, whatever else is sent', async () => {
    const right = ofScope('admin')
    const wrongSecret = right.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
    const sent: Record<string, Record<string, string>> = {
      nothing: {},
      'an empty header': { authorization: '' },
      'no key': { authorization: 'Bearer' },
      'an empty key': { authorization: 'Bearer ' },
      'another scheme': { authorization: `Basic ${right}` },
      'the key alone': { authorization: right },
      'two keys': { authorization: `Bearer ${right} ${right}` },
      'a key and more': { authorization: `Bearer ${right}0` },
      'a key cut short': { authorization: `Bearer ${right.slice(0, -1)}` },
      'a key in capitals': { authorization: `Bearer ${right.toUpperCase()}` },
      'a name alone': bearer('first'),
      'a name and no secret': bearer('hf_first_'),
      'the hash of a key': bearer(createHash('sha256').update(right).digest('hex')),
      'zeros under no name': bearer(`hf_nobody_${'0'.repeat(64)}`),
      'a name of an object': bearer(`hf___proto___${'0'.repeat(64)}`),
      'the secret of another': bearer(right.replace(/^hf_key-\d+/, 'hf_first')),
      'a wrong secret': bearer(wrongSecret),
      'an expired key': bearer(keys.expired),
      'a revoked key': bearer(keys.revoked),
      'a long header': bearer('x'.repeat(4000)),
      'a wrong secret for an unknown store': { ...bearer(wrongSecret), 'holdfast-store': 'no-such' },
    }
    for (const [what, headers] of Object.entries(sent)) expectUnauthorized(await send(call, headers), what)
    expect(await everything()).toEqual(before)
  })

  test('answers 403 to each scope that is not enough, and names those that are', async () => {
    for (const scope of scopes.filter((each) => !call.allowed.includes(each))) {
      for (const whose of ['all', 'own']) {
        const { status, problem } = await send(call, bearer(keys[`${whose} ${scope}`]))
        expect(status, `${whose} ${scope}`).toBe(403)
        if (!problem) continue
        expect(problem).toMatchObject({ type: 'urn:holdfast:forbidden', scopes: call.allowed })
        for (const enough of call.allowed) expect(problem.detail).toContain(enough)
      }
    }
    expect(await everything()).toEqual(before)
  })

  test("answers a key of another store as if this one's did not exist", async () => {
    const here = { ...bearer(keys.other), 'holdfast-store': store.name }
    const nowhere = { ...bearer(keys.other), 'holdfast-store': 'no-such' }
    const answer = await send(call, here)
    expect(answer.status).toBe(404)
    expect(answer).toEqual(await send(call, nowhere))
    if (answer.problem) expect(answer.problem.type).toBe('urn:holdfast:unknown-store')
    expect((await send(call, bearer(keys.elsewhere))).status).toBe(404)
    if (call.path.includes('/reservations/{id}')) {
      // The call is about the key's own store, which has no such reservation.
      for (const headers of [bearer(keys.other), { ...bearer(keys.other), 'holdfast-store': other }]) {
        const { status, problem } = await send(call, headers)
        expect(status).toBe(404)
        if (problem) expect(problem.type).toBe('urn:holdfast:unknown-reservation')
      }
      const foreign = await send(call, bearer(keys['own admin']), otherReservation)
      expect(foreign.status).toBe(404)
    }
    expect(await everything()).toEqual(before)
  })
})

describe.each(calls.map((call) => [`${call.method} ${call.path}`, call] as const))('%s', (_name, call) => {
  // From here on MySQL follows: some calls wait for it.
  beforeAll(async () => {
    working ??= store.worker({ stores: [store.name, other], reconcileSeconds: 0 })
    await working
  })

  test('is open to each scope that is enough, for all stores and for its own', async () => {
    for (const scope of call.allowed) {
      for (const whose of ['all', 'own']) {
        const own = { ...bearer(keys[`${whose} ${scope}`]), 'holdfast-store': store.name }
        for (const headers of [own, bearer(keys[`${whose} ${scope}`])]) {
          const { status, problem } = await send(call, headers)
          expect([401, 403], `${whose} ${scope}`).not.toContain(status)
          expect(problem?.type).not.toBe('urn:holdfast:unknown-store')
        }
      }
    }
  })
})

let working: Promise<unknown> | undefined

test('health, figures and the description stay open', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs/']) {
    for (const headers of [{}, bearer('wrong')]) {
      expect((await fetch(url + path, { headers })).status, path).toBe(200)
    }
  }
})
