import { beforeAll, describe, expect, test, vi } from 'vitest'
import { isRefusal } from '../../src/domain/outcomes.js'
import { expectNoFaults, figure, openConsole, row, sees, soon, story } from './console-under-test.js'
import { openConsoleService } from './service-under-test.js'

vi.setConfig({ testTimeout: 120_000 })

const skus = 100_000
const service = await openConsoleService()
const { store } = service
const name = (i: number) => `SKU-${String(i).padStart(6, '0')}`

beforeAll(async () => {
  await service.start()
  const gate = service.api.stores.get(store.name)?.gate
  for (let from = 1; from <= skus; from += 2500) {
    const set = Array.from({ length: 2500 }, (_, i) => gate?.setStock(name(from + i), 10))
    for (const result of await Promise.all(set)) expect(result && !isRefusal(result)).toBe(true)
  }
})

describe('a store of 100,000 SKUs', () => {
  test('is walked through a page at a time, and searched by the service', async () => {
    const { page, faults } = await openConsole(service.url)
    const asked: URL[] = []
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.pathname.startsWith('/v1/')) asked.push(url)
    })
    await sees(page, '100,000 SKUs')
    const names = () => page.locator('.stock-table tbody th').allInnerTexts()
    const page1 = Array.from({ length: 25 }, (_, i) => name(i + 1))
    await soon(names).toEqual(page1)
    await page.getByRole('button', { name: 'Next' }).click()
    await soon(names).toEqual(Array.from({ length: 25 }, (_, i) => name(i + 26)))
    await page.goBack()
    await soon(names).toEqual(page1)
    await page.getByLabel(/Search a SKU/).fill('SKU-0999')
    await sees(page, '25 SKUs and more beginning with SKU-0999')
    await soon(async () => (await names())[0]).toBe('SKU-099900')
    await page.getByLabel(/Search a SKU/).fill('sku')
    await sees(page, 'No SKU begins with')
    // What is seen is asked for and followed, and nothing else.
    const lists = asked.filter(({ pathname }) => pathname === '/v1/stock')
    expect(lists.length).toBeGreaterThan(3)
    for (const { searchParams } of lists) expect(searchParams.get('limit')).toBe('25')
    const streams = asked.filter(({ pathname }) => pathname === '/v1/events')
    for (const { searchParams } of streams) {
      expect((searchParams.get('skus') ?? '').split(',').length).toBeLessThanOrEqual(25)
    }
    expectNoFaults(faults)
  })

  test('says what a SKU looks like when something else is searched for', async () => {
    const { page } = await openConsole(service.url)
    await page.getByLabel(/Search a SKU/).fill('tee shirt')
    await sees(page, 'A SKU has letters, digits and . _ - only.')
    await page.goto(`${service.url}/#/skus/..`)
    await sees(page, 'No browser can ask for a SKU of this name.')
  })

  test('is found again by the address of a search', async () => {
    const { page } = await openConsole(service.url, '#/?search=SKU-09999&after=SKU-099995')
    await soon(() => page.locator('.stock-table tbody th').allInnerTexts()).toEqual(
      [6, 7, 8, 9].map((last) => `SKU-09999${last}`),
    )
  })
})

describe('a comparison of 100,000 SKUs', () => {
  test('shows how far it is, and says that Redis and MySQL agree', async () => {
    await service.caughtUp()
    const { page, faults } = await openConsole(service.url, '#/reconciliation')
    await page.getByRole('button', { name: 'Compare now' }).click()
    await sees(page, /^Comparing the counts of SKUs: [\d,]+ of 100,000\. No difference so far\.$/)
    expect(await page.getByRole('button', { name: 'Compare now' }).isDisabled()).toBe(true)
    await page.getByText('Redis and MySQL agree').first().waitFor({ timeout: 100_000 })
    expect(await figure(page, 'Compared')).toMatch(/^100,000 SKUs/)
    expectNoFaults(faults)
  })
})

describe('the stock of a SKU', () => {
  test('is adjusted with a reason, and refused in the words of the service', async () => {
    const sku = name(500)
    const { page, faults } = await openConsole(service.url, `#/skus/${sku}`)
    await soon(() => figure(page, 'Available')).toBe('10')
    const quantity = page.getByLabel('Units to add')
    await quantity.fill('two')
    await sees(page, 'A whole number other than 0, such as 5 or -5, please.')
    await quantity.fill('-4')
    await sees(page, 'Available becomes 6 (−4).')
    await page.getByRole('button', { name: 'Adjust' }).click()
    await sees(page, 'Say why, for the ledger.')
    await page.getByLabel('Reason').fill('damaged')
    await page.getByRole('button', { name: 'Adjust' }).click()
    await sees(page, 'Adjusted. Available is 6 now.')
    await quantity.fill('-7')
    await page.getByLabel('Reason').fill('damaged')
    await page.getByRole('button', { name: 'Adjust' }).click()
    await sees(page, `Not enough units are available. ${sku}: 7 requested, 6 available.`)
    expect(await figure(page, 'Available')).toBe('6')
    await service.hold(sku, 5)
    await page.getByLabel('Units counted on the shelf').fill('3')
    await sees(page, '5 units are held: it cannot be less.')
    await page.getByRole('button', { name: 'Set', exact: true }).click()
    await sees(page, 'Stock on hand cannot be less than the units held. 5 units are held.')
    await service.caughtUp()
    await soon(() => story(page)).toEqual(['held', 'adjusted', 'set'])
    expect(await row(page, 'damaged')).toContain('−4')
    expectNoFaults(faults)
  })

  test('is adjusted once when the reply is lost and the button is pressed again', async () => {
    const sku = name(600)
    const { page } = await openConsole(service.url, `#/skus/${sku}`)
    const keys: (string | undefined)[] = []
    await page.route('**/adjustments', async (route) => {
      keys.push(route.request().headers()['idempotency-key'])
      if (keys.length > 1) return route.continue()
      await route.fetch()
      await route.abort('connectionreset')
    })
    await page.getByLabel('Units to add').fill('5')
    await page.getByLabel('Reason').fill('delivery')
    const adjust = page.getByRole('button', { name: 'Adjust' })
    await adjust.click()
    await sees(page, /The service did not answer.*however often, it is done once/)
    await adjust.click()
    await sees(page, 'Adjusted. Available is 15 now.')
    await page.getByLabel('Units to add').fill('5')
    await page.getByLabel('Reason').fill('delivery')
    await adjust.click()
    await sees(page, 'Adjusted. Available is 20 now.')
    expect(keys[0]).toBeTruthy()
    expect(keys[1]).toBe(keys[0])
    expect(keys[2]).not.toBe(keys[0])
  })
})
