import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { anyFreePort } from '../src/embedded/port-choice.js'
import { figure, readSamples } from './support/exposition.js'
import { HttpClient } from './support/http-client.js'
import { promtool, providePromtool } from './support/promtool.js'
import { eventually, openTestStore } from './support/test-store.js'

// On a busy machine promtool takes a minute for what takes a second.
vi.setConfig({ testTimeout: 120_000 })

const folder = fileURLToPath(new URL('../docs/monitoring/', import.meta.url))
const alertsFile = `${folder}alerts.yml`
const testsFile = `${folder}alerts.test.yml`

interface Rules {
  groups: { rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[]
}
interface RuleTests {
  tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[]
}

const alerts = (parse(await readFile(alertsFile, 'utf8')) as Rules).groups.flatMap(({ rules }) => rules)
const dashboard = await readFile(`${folder}dashboard.json`, 'utf8')
const names = alerts.map(({ alert }) => alert)

const workerPort = await anyFreePort()
const store = await openTestStore({ workerPort, sweepMs: 100 })
/** What `/metrics` of an API and of a worker answered, after a little trade. */
let api: string
let worker: string
let more: string

beforeAll(async () => {
  await providePromtool()
  const { app } = await store.api()
  const running = await store.worker()
  const url = await running.listen()
  const client = new HttpClient(app)
  const trade = async (sku: string) => {
    await client.put(`/v1/stock/${sku}`, { onHand: 3 })
    const hold = (quantity: number, ttlSeconds = 900) =>
      client.post('/v1/reservations', { customerId: `of-${sku}`, lines: [{ sku, quantity }], ttlSeconds })
    const { id } = (await hold(1)).body
    await hold(4)
    await client.post(`/v1/reservations/${id}/confirm`, { paymentRef: 'p' })
    await client.post(`/v1/reservations/${(await hold(1)).body.id}/release`)
    await hold(1, 1)
    await client.get(`/v1/stock/no-${sku}`)
  }
  await trade('cup')
  const scrape = async () => (await fetch(`${url}/metrics`)).text()
  await eventually(
    async () => figure(await scrape(), 'holdfast_reservations_expired_total') === 1,
    'the reservation that nobody paid expires',
  )
  await eventually(
    async () => figure(await scrape(), 'holdfast_ledger_behind_entries') === 0,
    'MySQL holds everything',
  )
  api = (await client.get('/metrics')).text
  worker = await scrape()
  for (let i = 0; i < 20; i++) await trade(`cup-${i}`)
  more = (await client.get('/metrics')).text
}, 180_000)

describe('the figures', () => {
  test.for(['api', 'worker'])('of the %s keep the conventions of Prometheus', async (part) => {
    const { status, said } = await promtool(['check', 'metrics'], part === 'api' ? api : worker)
    expect({ status, said }).toEqual({ status: 0, said: '' })
  })

  test('of the API tell what calls were told, how long they took and how each part is', () => {
    const gate = (script: string, outcome: string) =>
      figure(api, 'holdfast_gate_calls_total', { store: store.name, script, outcome })
    expect(gate('reserve', 'reserved')).toBe(3)
    expect(gate('reserve', 'insufficient-stock')).toBe(1)
    expect(gate('confirm', 'confirmed')).toBe(1)
    expect(gate('release', 'released')).toBe(1)
    expect(gate('set', 'created')).toBe(1)
    const route = { method: 'POST', route: '/v1/reservations' }
    expect(figure(api, 'holdfast_http_requests_total', { ...route, status: '201' })).toBe(3)
    const durations = 'holdfast_http_request_duration_seconds'
    expect(figure(api, `${durations}_count`, { ...route, status_class: '2xx' })).toBe(3)
    expect(figure(api, `${durations}_count`, { ...route, status_class: '4xx' })).toBe(1)
    expect(figure(api, `${durations}_sum`, route)).toBeGreaterThan(0)
    expect(figure(api, 'holdfast_gate_batch_calls_sum', { script: 'reserve' })).toBe(4)
    expect(figure(api, 'holdfast_script_duration_seconds_count', { script: 'reserve' })).toBeGreaterThan(0)
    for (const part of ['process', 'redis', 'mysql', 'keys']) {
      expect(figure(api, 'holdfast_ready', { part }), part).toBe(1)
    }
    expect(figure(api, 'holdfast_build_info', { node: process.version })).toBe(1)
    expect(figure(api, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0)
  })

  test('of the worker tell what was persisted and expired, and who writes', () => {
    const of = { store: store.name }
    expect(figure(worker, 'holdfast_ledger_written_entries_total', of)).toBe(7)
    expect(figure(worker, 'holdfast_ledger_write_entries_sum', of)).toBe(7)
    expect(figure(worker, 'holdfast_ledger_write_duration_seconds_sum', of)).toBeGreaterThan(0)
    expect(figure(worker, 'holdfast_ledger_write_failures_total', of)).toBe(0)
    expect(figure(worker, 'holdfast_ledger_writer_active', of)).toBe(1)
    expect(figure(worker, 'holdfast_ledger_writer_failing', of)).toBe(0)
    expect(figure(worker, 'holdfast_reservations_expired_total', of)).toBe(1)
    expect(figure(worker, 'holdfast_expiry_lateness_seconds_count', of)).toBe(1)
    expect(figure(worker, 'holdfast_store_fenced', of)).toBe(0)
    expect(figure(worker, 'holdfast_ready', { part: 'writer' })).toBe(1)
  })

  test('have as many series after twenty more SKUs, customers and reservations', () => {
    // But for the scrapes themselves, and for payments that MySQL had before or after the wait.
    const series = (text: string) => {
      const ours = readSamples(text).filter(
        ({ name, labels }) => name.startsWith('holdfast_') && labels.route !== '/metrics',
      )
      return [
        ...new Set(ours.map(({ name, labels: { status: _, ...rest } }) => `${name} ${JSON.stringify(rest)}`)),
      ].sort()
    }
    expect(series(more)).toEqual(series(api))
    expect(more).not.toContain('cup')
  })
})

describe('the alert rules', () => {
  test('are rules', async () => {
    const { status, said } = await promtool(['check', 'rules', alertsFile])
    expect(status, said).toBe(0)
  })

  test('fire when they should, and only then', async () => {
    const { status, said } = await promtool(['test', 'rules', testsFile])
    expect(status, said).toBe(0)
  })

  test('are tested for both, each of them', async () => {
    const { tests } = parse(await readFile(testsFile, 'utf8')) as RuleTests
    const tried = tests.flatMap((of) => of.alert_rule_test)
    for (const name of names) {
      const kinds = tried.filter(({ alertname }) => alertname === name).map((of) => of.exp_alerts.length > 0)
      expect(new Set(kinds), name).toEqual(new Set([true, false]))
    }
  })

  test('have a section of the operating guide each, which they link to, and it has no other', async () => {
    const guide = await readFile(fileURLToPath(new URL('../docs/operating.md', import.meta.url)), 'utf8')
    const chapter = guide.split(/^## Alerts$/m)[1]?.split(/^## /m)[0] ?? ''
    const sections = [...chapter.matchAll(/^### (\w+)\n\n\*(\w+): /gm)]
    expect(sections.map(([, name]) => name)).toEqual(names)
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook).toBe(`docs/operating.md#${alert.toLowerCase()}`)
    }
  })

  test('and the operating guide, the dashboard and the README name figures that there are', async () => {
    const told = new Set([...`${api}\n${worker}`.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(samplesOf))
    const [guide, readme] = await Promise.all(
      ['docs/operating.md', 'README.md'].map((name) =>
        readFile(fileURLToPath(new URL(`../${name}`, import.meta.url)), 'utf8'),
      ),
    )
    const texts = { alerts: alerts.map(({ expr }) => expr).join('\n'), dashboard, guide, readme }
    for (const [where, text] of Object.entries(texts)) {
      for (const [name] of String(text).matchAll(/\b(?:holdfast|process|nodejs)_[a-z0-9_]+\b/g)) {
        if (notFigures.has(name)) continue
        expect(told, `${where} names ${name}`).toContain(name)
      }
    }
  })
})

/** Names of other things that look like a figure's. */
const notFigures = new Set(['holdfast_default'])

/** What can be asked of a figure, by its type. */
function samplesOf([, name, type]: RegExpExecArray): string[] {
  return type === 'histogram' ? ['', '_bucket', '_sum', '_count'].map((of) => `${name}${of}`) : [`${name}`]
}

describe('the dashboard', () => {
  test('is one that Grafana can load: panels with queries, placed beside each other', () => {
    const { panels, templating, uid } = JSON.parse(dashboard) as {
      uid: string
      templating: { list: { name: string }[] }
      panels: {
        id: number
        type: string
        title: string
        gridPos: { x: number; y: number; w: number; h: number }
        targets?: { expr: string }[]
      }[]
    }
    expect(uid).toBe('holdfast')
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'store'])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = new Set<string>()
    for (const { title, type, gridPos, targets } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
      if (type !== 'row')
        expect(
          targets?.every(({ expr }) => expr !== ''),
          title,
        ).toBe(true)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} overlaps another panel`).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
    }
  })

  test('asks what Prometheus can answer', async () => {
    const { panels } = JSON.parse(dashboard) as { panels: { targets?: { expr: string }[] }[] }
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    const rules = queries.map((expr, i) => ({
      record: `query_${i}`,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$store', '.*'),
    }))
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-dashboard-'))
    const file = join(folder, 'queries.yml')
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    const { status, said } = await promtool(['check', 'rules', file])
    await rm(folder, { recursive: true })
    expect(status, said).toBe(0)
    expect(said).toContain(`${queries.length} rules found`)
  })
})
