import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Api, startApi } from '../../src/api.js'
import { openLog } from '../../src/log.js'
import { makeKey } from '../support/api-keys.js'
import { expectProblem, HttpClient } from '../support/http-client.js'
import { eventually, openTestStore } from '../support/test-store.js'

const store = await openTestStore()
const log = openLog('error', store.name)
let folder: string
let key: string
let api: Api
let client: HttpClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-console-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Holdfast</title>')
  await writeFile(join(folder, 'assets/index-B2xP9q1z.js'), 'export {}')
  key = await makeKey(store.database, { name: 'office', scopes: ['console'] })
  api = await startApi(store.config, log, { consoleFolder: folder })
  client = new HttpClient(api.app)
})
afterAll(async () => {
  await api.stop()
  await rm(folder, { recursive: true })
})

describe('the page of the console', () => {
  test('is served at / to everybody, and asked for anew each time', async () => {
    for (const path of ['/', '/index.html']) {
      const { status, headers, text } = await client.get(path)
      expect([status, headers['cache-control']]).toEqual([200, 'no-cache'])
      expect(headers['content-type']).toMatch(/^text\/html/)
      expect(text).toContain('<title>Holdfast</title>')
    }
    const { etag } = (await client.get('/')).headers
    expect((await client.get('/', { 'if-none-match': String(etag) })).status).toBe(304)
  })

  test('has files whose names tell their content, which are kept', async () => {
    const { status, headers, text } = await client.get('/assets/index-B2xP9q1z.js')
    expect([status, text]).toEqual([200, 'export {}'])
    expect(headers['content-type']).toMatch(/^(text|application)\/javascript/)
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
  })

  test.for([
    '/no-such',
    '/assets/',
    '/assets',
    '/../package.json',
    '/%2e%2e/package.json',
    '/assets/..%2findex.html',
  ])('is no answer to %s', async (path) => {
    expectProblem(await client.get(path), 'not-found')
  })

  test('leaves the API and its description where they were', async () => {
    expect((await client.get('/docs/')).status).toBe(200)
    expect((await client.get('/healthz')).status).toBe(200)
    expectProblem(await client.get('/v1/stock'), 'unauthorized')
    expectProblem(await client.get('/v1/console'), 'unauthorized')
    expectProblem(await client.get('/v1/events'), 'unauthorized')
  })

  test('that was not built leaves / to the description of the API', async () => {
    const bare = await startApi(store.config, log, { consoleFolder: join(folder, 'no-such') })
    const { status, headers } = await new HttpClient(bare.app).get('/')
    expect([status, headers.location]).toEqual([302, '/docs'])
    await bare.stop()
  })
})

describe('GET /v1/console', () => {
  test('tells what the page has to know', async () => {
    const other = `${store.name}-b`
    const two = await startApi({ ...store.config, stores: [store.name, other] }, log)
    const http = new HttpClient(two.app, { authorization: `Bearer ${key}` })
    const info = (await http.get('/v1/console', { 'holdfast-store': other })).body
    expect(info).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      stores: [store.name, other],
      store: other,
      replay: false,
      keyName: 'office',
      scopes: ['console'],
    })
    const own = await makeKey(store.database, { scopes: ['console'], store: other })
    await eventually(() => two.keyring.find(`Bearer ${own}`) !== undefined, 'the key is known')
    const ofOne = new HttpClient(two.app, { authorization: `Bearer ${own}` })
    expect((await ofOne.get('/v1/console')).body).toMatchObject({ stores: [other], store: other })
    await two.stop()
  })
})
