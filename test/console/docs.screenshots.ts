import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { storeKeys } from '../../src/stock/keys.js'
import { HoldfastCommand } from '../support/holdfast-command.js'
import { openConsole, sees } from './console-under-test.js'

/*
 * Takes the pictures of docs/console: the product as `npm start` runs it, with sample stock and a short
 * sale of its own.
 */

const pictureBytesMax = 200_000
const folder = await mkdtemp(join(tmpdir(), 'holdfast-screenshots-'))
let product: HoldfastCommand
let url: string
let selling: Promise<void>
let isOver = false

beforeAll(async () => {
  product = new HoldfastCommand(['start'], {
    HOLDFAST_DATA: folder,
    PORT: '0',
    HOLDFAST_RECONCILE_SECONDS: '0',
  })
  url = await product.url()
  for (const [sku, onHand] of Object.entries(shelf)) await put(sku, onHand)
  // Somebody has to watch, or nothing is counted.
  const { page } = await openConsole(url)
  selling = sell()
  await page.waitForTimeout(salesMs)
})

afterAll(async () => {
  isOver = true
  await selling
  await product.kill('SIGTERM')
  await rm(folder, { recursive: true, force: true })
})

const salesMs = 60_000
const shelf: Readonly<Record<string, number>> = {
  'CAP-1212': 1200,
  'CONSOLE-5': 900,
  'HEADSET-PRO': 2400,
  'HOODIE-GREY-L': 3600,
  'HOODIE-GREY-M': 3600,
  'JACKET-L': 1800,
  'KEYBOARD-TKL': 1600,
  'MUG-1212': 6000,
  'SNEAKER-41': 2600,
  'SNEAKER-42': 3000,
  'SNEAKER-43': 2600,
  'TEE-BLACK-M': 9000,
  'TEE-BLACK-S': 9000,
  'TEE-WHITE-M': 9000,
}

async function send(method: string, path: string, body: unknown): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  })
}

async function put(sku: string, onHand: number): Promise<void> {
  expect((await send('PUT', `/v1/stock/${sku}`, { onHand })).ok).toBe(true)
}

/** Customers come in waves, and most of them for a few items; four of five pay. */
async function sell(): Promise<void> {
  const names = Object.keys(shelf)
  const began = Date.now()
  let customer = 0
  while (!isOver) {
    const seconds = (Date.now() - began) / 1000
    const wave = 14 + 9 * Math.sin(seconds / 9) + 6 * Math.sin(seconds / 2.3)
    const visits = Array.from({ length: Math.max(1, Math.round(wave / 4)) }, () => visit(names, customer++))
    void Promise.allSettled(visits)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

async function visit(names: readonly string[], customer: number): Promise<void> {
  const wanted = names[Math.floor(names.length * Math.random() ** 2)] as string
  const isGreedy = customer % 17 === 0
  const lines = [{ sku: wanted, quantity: isGreedy ? 5000 : 1 + (customer % 3) }]
  const held = await send('POST', '/v1/reservations', {
    customerId: `customer-${customer}`,
    orderId: `order-${customer}`,
    lines,
    ttlSeconds: customer % 5 === 0 ? 20 : 900,
  })
  if (held.status !== 201 || customer % 5 === 0) return
  const { id } = (await held.json()) as { id: string }
  await new Promise((resolve) => setTimeout(resolve, 2000 + 18_000 * Math.random()))
  if (!isOver) await send('POST', `/v1/reservations/${id}/confirm`, { paymentRef: `payment-${customer}` })
}

/** Keeps what is seen. */
async function keep(page: Page, name: string): Promise<void> {
  const path = `docs/console/${name}.png`
  await page.screenshot({ path, animations: 'disabled' })
  expect((await stat(path)).size, path).toBeLessThan(pictureBytesMax)
}

const desktop = { viewport: { width: 1280, height: 860 } }

test.for(['light', 'dark'] as const)('the overview in %s colours', async (colorScheme) => {
  const { page } = await openConsole(url, '', { ...desktop, colorScheme })
  await sees(page, 'SNEAKER-42')
  await sees(page, 'Live')
  await page.waitForTimeout(2500)
  await keep(page, `overview-${colorScheme}`)
})

test('a SKU', async () => {
  const { page } = await openConsole(url, '#/skus/CONSOLE-5', { ...desktop, colorScheme: 'light' })
  await sees(page, 'from the ledger in MySQL')
  await page.waitForTimeout(1500)
  await keep(page, 'sku')
})

test('a telephone', async () => {
  const { page } = await openConsole(url, '', {
    viewport: { width: 390, height: 844 },
    deviceScaleFactor: 2,
    colorScheme: 'dark',
  })
  await sees(page, 'SNEAKER-42')
  await page.waitForTimeout(2500)
  await keep(page, 'phone')
})

test('a reconciliation that finds a drift', async () => {
  isOver = true
  await selling
  const redis = new Redis(await redisUrl())
  const key = storeKeys('main').stock
  for (const sku of ['SNEAKER-42', 'MUG-1212']) {
    const [available = 0, held = 0, sold = 0] = String(await redis.hget(key, sku))
      .split(' ')
      .map(Number)
    await redis.hset(key, sku, `${available + (sku === 'MUG-1212' ? 12 : -40)} ${held} ${sold}`)
  }
  redis.disconnect()
  const { page } = await openConsole(url, '#/reconciliation', { ...desktop, colorScheme: 'light' })
  await page.getByRole('button', { name: 'Compare now' }).click()
  await sees(page, /difference.*none repaired/)
  await keep(page, 'reconcile')
})

async function redisUrl(): Promise<string> {
  // The private Redis tells its port and its password to nobody but its own folder.
  const text = await readFile(join(folder, 'redis', 'redis.conf'), 'utf8')
  const setting = (name: string) => new RegExp(`^${name} "?([^"\\n]+)"?$`, 'm').exec(text)?.[1] ?? ''
  return `redis://:${setting('requirepass')}@127.0.0.1:${setting('port')}`
}

test('the replay of 12.12', async () => {
  const { page } = await openConsole(url, '#/replay', { ...desktop, colorScheme: 'light' })
  await page.getByRole('button', { name: 'Run the sale' }).click()
  await page.locator('.conclusion', { hasText: /Without Holdfast \d/ }).waitFor({ timeout: 90_000 })
  await keep(page, 'replay')
})
