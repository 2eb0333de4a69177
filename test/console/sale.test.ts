import { beforeAll, expect, test, vi } from 'vitest'
import { expectNoFaults, figure, openConsole, row, sees, soon, story } from './console-under-test.js'
import { openConsoleService } from './service-under-test.js'

vi.setConfig({ testTimeout: 120_000 })

const service = await openConsoleService()
const { store } = service

beforeAll(() => service.start())

test('an administrator stocks a shelf, watches a sale and an expiry, finds a drift and repairs it', async () => {
  const { page, faults } = await openConsole(service.url)

  // The empty store says what to do.
  await sees(page, 'Nothing is on the shelves yet.')
  expect(await page.locator('.empty code').innerText()).toBe(
    `curl -X PUT ${service.url}/v1/stock/SNEAKER-42 -H 'content-type: application/json' -d '{"onHand":100}'`,
  )
  await page.getByRole('link', { name: 'set it here' }).click()
  await sees(page, 'There is no such SKU yet.')
  await page.getByLabel('Units counted on the shelf').fill('100')
  await page.getByRole('button', { name: 'Set', exact: true }).click()
  await sees(page, 'On hand is 100 now, available 100.')
  await soon(() => figure(page, 'Available')).toBe('100')

  // A customer holds units, another one pays: the page follows without being asked.
  await page.getByRole('link', { name: 'Overview' }).click()
  await soon(() => row(page, 'SNEAKER-42')).toEqual(['SNEAKER-42', '', '100', '0', '0', '100'])
  const paid = await service.hold('SNEAKER-42', 3)
  await service.confirm(paid)
  const unpaid = await service.hold('SNEAKER-42', 2, 4)
  await soon(() => row(page, 'SNEAKER-42')).toEqual(['SNEAKER-42', '', '95', '2', '3', '97'])
  await page.getByText('Figures as a table').click()
  const rates = page.locator('.rate-rows tbody')
  await soon(() => rates.innerText()).toMatch(/\t[\d.]*[1-9]/)

  // The deadline passes.
  await page.getByRole('link', { name: 'SNEAKER-42' }).click()
  await soon(() => figure(page, 'Held')).toBe('0')
  expect(await figure(page, 'Available')).toBe('97')
  await soon(() => story(page)).toEqual(['expired', 'held', 'sold', 'held', 'set'])
  expect(await page.locator('.story tbody tr').first().locator('.number').allInnerTexts()).toEqual([
    ...['2', '97', '0', '3'],
  ])

  // Its story, from the reservation's side.
  await page.getByLabel(/Search a SKU/).fill(unpaid)
  await page.keyboard.press('Enter')
  await soon(() => figure(page, 'State')).toBe('expired')
  expect(await figure(page, 'Customer')).toBe('customer-7')
  await soon(() => story(page)).toEqual(['expired', 'held'])

  // Somebody edits Redis by hand.
  await service.caughtUp()
  await store.redis.hset(store.keys.stock, 'SNEAKER-42', '107 0 3')
  await page.getByRole('link', { name: 'Reconcile' }).click()
  await sees(page, 'No comparison yet.')
  await page.getByRole('button', { name: 'Compare now' }).click()
  await sees(page, '1 difference, none repaired')
  expect((await row(page, 'SNEAKER-42')).map((cell) => cell.replace(/\s+/g, ' '))).toEqual([
    'SNEAKER-42 available',
    '107',
    '97',
    '97',
    'no',
  ])
  expect(await page.locator('.drifts mark').allInnerTexts()).toEqual(['107'])
  expect(await page.locator('.drifts .cause').innerText()).toMatch(/outside Holdfast/)
  const first = page.url()

  // Nothing is repaired before it is said again.
  await page.getByRole('button', { name: 'Repair…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Repair what differs?' })
  await dialog.waitFor()
  expect(await dialog.innerText()).toContain('this report shows 1 difference')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  expect(await store.redis.hget(store.keys.stock, 'SNEAKER-42')).toBe('107 0 3')
  await page.getByRole('button', { name: 'Repair…' }).click()
  await dialog.getByRole('button', { name: 'Repair' }).click()
  await sees(page, '1 difference, all repaired')
  expect(await store.redis.hget(store.keys.stock, 'SNEAKER-42')).toBe('97 0 3')

  // Past reports stay, each at its address.
  const history = page.getByRole('navigation', { name: 'History' })
  expect(await history.locator('.report-outcome').allInnerTexts()).toEqual(['1 repaired', '1 differ'])
  // One of some SKUs says that it is one.
  await service.send('POST', '/v1/reconciliations', { skus: ['SNEAKER-42'] })
  await soon(() => history.locator('.report-outcome').allInnerTexts()).toEqual([
    ...['part: agree', '1 repaired', '1 differ'],
  ])
  await history.getByRole('link', { name: /part: agree/ }).click()
  await sees(page, 'Redis and MySQL agree in this part')
  expect(await figure(page, 'Compared in part')).toBe('1 SKU, 0 reservations')
  await page.goto(first)
  await sees(page, '1 difference, none repaired')
  await page.getByRole('link', { name: 'SNEAKER-42' }).click()
  await soon(() => figure(page, 'Available')).toBe('97')
  await soon(async () => (await story(page))[0]).toBe('corrected')
  expectNoFaults(faults)
})
