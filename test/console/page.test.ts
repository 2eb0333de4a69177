import type { Page } from 'playwright-core'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { EventClient } from '../support/event-client.js'
import {
  expectAccessible,
  expectFits,
  expectNoFaults,
  expectNoLayoutShift,
  openConsole,
  sees,
} from './console-under-test.js'
import { openConsoleService } from './service-under-test.js'

vi.setConfig({ testTimeout: 120_000 })

const service = await openConsoleService()
const { store } = service
/** Each view, and what is seen once it is whole. */
let views: { path: string; whole: RegExp }[]

const otherStore = `${store.name}-b`
/** As long as a SKU may be, with all that it may be made of. */
const longSku = `SNEAKER-42_${'x.y-'.repeat(13)}z`

beforeAll(async () => {
  await service.start({ stores: [store.name, otherStore] })
  const shelf = { [longSku]: 5000, 'CONSOLE-5': 25, 'SNEAKER-42': 100, VAST: 1_000_000_000_000 }
  for (const [sku, onHand] of Object.entries(shelf)) await service.setStock(sku, onHand)
  const id = await service.hold(longSku, 2)
  await service.confirm(await service.hold(longSku, 1))
  await service.caughtUp()
  await store.redis.hset(store.keys.stock, 'CONSOLE-5', '30 0 0')
  await service.send('POST', '/v1/reconciliations', {})
  views = [
    { path: '', whole: /CONSOLE-5/ },
    { path: `#/skus/${longSku}`, whole: /from the ledger in MySQL/ },
    { path: `#/reservations/${id}`, whole: /customer-7/ },
    { path: '#/reconciliation', whole: /1 difference, none repaired/ },
    { path: '#/replay', whole: /can be replayed only/ },
    { path: '#/nowhere', whole: /This address names nothing/ },
  ]
})

describe.for(['light', 'dark'] as const)('in %s colours', (colorScheme) => {
  test('every view is accessible, keeps to its policy, and never shifts', async () => {
    const opened = await Promise.all(
      views.map(async ({ path, whole }) => {
        const { page, faults } = await openConsole(service.url, path, { colorScheme })
        await sees(page, whole)
        await sees(page, 'Live')
        return { page, faults }
      }),
    )
    for (const { page } of opened) await expectAccessible(page)
    // What happens while it is looked at moves nothing either: it is told, and by the next pulse drawn.
    const watcher = await EventClient.open(service.url)
    await service.hold(longSku, 300)
    const told = await watcher.first('pulse', ({ perSecond }) => perSecond.holds > 0)
    await watcher.first('pulse', ({ at }) => at > told.at)
    watcher.close()
    for (const { page, faults } of opened) {
      await expectNoLayoutShift(page)
      expectNoFaults(faults)
      await page.context().close()
    }
  })
})

describe('at the width of a telephone', () => {
  test('every view fits, and never shifts', async () => {
    for (const { path, whole } of views) {
      const { page, faults } = await openConsole(service.url, path, { viewport: { width: 360, height: 740 } })
      await sees(page, whole)
      await sees(page, 'Live')
      await expectFits(page)
      await expectNothingIsCut(page)
      await expectNoLayoutShift(page)
      expectNoFaults(faults)
      await page.context().close()
    }
  })
})

/** A count of which some digits are missing is another count. */
async function expectNothingIsCut(page: Page): Promise<void> {
  const cut = await page.evaluate(`[...document.querySelectorAll('td.number, dd')].filter((cell) =>
    cell.scrollWidth > cell.clientWidth && /^[\\d,.KMBT]+…?$/.test(cell.innerText)).map((cell) => cell.innerText)`)
  expect(cut).toEqual([])
}

describe('where there are several stores', () => {
  test('each is chosen, keeps to its address, and one that is not there is told from them', async () => {
    const { page, faults } = await openConsole(service.url)
    await sees(page, /CONSOLE-5/)
    await page.getByLabel('Store').selectOption(otherStore)
    await sees(page, 'Nothing is on the shelves yet.')
    expect(page.url()).toContain(`store=${otherStore}`)
    await page.getByRole('link', { name: 'Reconcile' }).click()
    await sees(page, 'No comparison yet.')
    await page.goBack()
    await sees(page, 'Nothing is on the shelves yet.')
    await page.goBack()
    await sees(page, /CONSOLE-5/)
    await page.goto(`${service.url}/#/?store=nope`)
    await sees(page, 'No store nope')
    await page.getByRole('link', { name: /first store/ }).click()
    await sees(page, /CONSOLE-5/)
    await sees(page, 'Live')
    expectNoFaults(faults)
  })
})

describe('with the keyboard alone', () => {
  test('everything is reached: search, a SKU, a theme, a dialog and out of it again', async () => {
    const { page } = await openConsole(service.url)
    const focused = () =>
      page.evaluate(
        '(document.activeElement.innerText || document.activeElement.getAttribute("aria-label") || document.activeElement.id).trim()',
      )
    await sees(page, /CONSOLE-5/)
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.keyboard.press('/')
    expect(await focused()).toBe('search')
    await page.keyboard.type('SNEAK')
    await sees(page, '2 SKUs beginning with SNEAK')
    await page.keyboard.press('Escape')
    await sees(page, /CONSOLE-5/)
    await page.keyboard.type('SNEAKER-42')
    await sees(page, '2 SKUs beginning with SNEAKER-42')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'SNEAKER-42' }).waitFor()
    await page.getByRole('link', { name: 'Reconcile' }).focus()
    await page.keyboard.press('Enter')
    await sees(page, /1 difference/)
    expect(await focused()).toBe('Reconcile')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Repair…')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    expect(await focused()).toBe('Repair…')
    await page.getByLabel('As the system').focus()
    await page.keyboard.press('ArrowRight')
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark')
    await page.reload()
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark')
  })
})
