import { beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { revokeKey } from '../../src/ledger/api-keys.js'
import { storeKeys } from '../../src/stock/keys.js'
import { makeKey } from '../support/api-keys.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { expectAccessible, expectNoFaults, openConsole, row, sees, soon } from './console-under-test.js'
import { openConsoleService } from './service-under-test.js'

vi.setConfig({ testTimeout: 120_000 })

const service = await openConsoleService()

beforeAll(async () => {
  await service.start()
  await service.setStock('CONSOLE-5', 25)
})

describe('a service that restarts', () => {
  test('is missed calmly, and followed again when it is back', async () => {
    const { page, faults } = await openConsole(service.url)
    await soon(() => row(page, 'CONSOLE-5')).toContain('25')
    await sees(page, 'Live')
    const { port } = new URL(service.url)
    await service.api.stop()
    await sees(page, /Not connected since \d\d:\d\d:\d\d/)
    await sees(page, 'Offline')
    expect(await row(page, 'CONSOLE-5')).toContain('25')
    const again = await service.store.api({ port: Number(port) })
    await again.listen()
    await sees(page, 'Live')
    expect(await page.getByText('Not connected since').count()).toBe(0)
    await service.hold('CONSOLE-5', 4)
    await soon(() => row(page, 'CONSOLE-5')).toContain('21')
    expectNoFaults({ ...faults, errors: faults.errors.filter((error) => !/ERR_/.test(error)) })
  })
})

describe('a service that loses MySQL', () => {
  test('says which part does not work and why, and does what was asked for once', async () => {
    const proxy = await TcpProxy.open(inject('databaseUrl'))
    const behind = new URL(proxy.url)
    behind.pathname = new URL(service.store.config.databaseUrl).pathname
    // A store of its own, for whoever else serves one opens it again.
    const name = `${service.store.name}-alone`
    const settings = { databaseUrl: behind.href, connectTimeoutMs: 1000, stores: [name] }
    const api = await service.store.api(settings)
    const { page, faults } = await openConsole(await api.listen(), '#/skus/CONSOLE-5')
    const counted = page.getByLabel('Units counted on the shelf')
    await counted.fill('25')
    await soon(async () => {
      // What was done leaves the form empty.
      if ((await counted.inputValue()) !== '') await counted.press('Enter')
      return page.locator('#on-hand-message').innerText()
    }).toBe('On hand is 25 now, available 25.')
    await page.getByRole('link', { name: 'Overview' }).click()
    const part = (name: string) => page.locator('.parts li', { hasText: name }).first().innerText()
    const verdict = () => page.locator('.readiness .verdict').innerText()
    await soon(() => part('MySQL')).toMatch(/^MySQL\s+works$/)
    const place = await page.locator('.stock-panel').boundingBox()
    await proxy.unplug()
    await soon(() => part('MySQL')).toMatch(/does not work\s+MySQL cannot be reached: holds go on/)
    expect(await part('Redis')).toMatch(/works$/)
    expect(await verdict()).toBe('Selling')

    // A Redis that nobody can compare with MySQL is fenced.
    await service.store.redis.hset(storeKeys(name).position, 'verified', 'another-server')
    await soon(verdict).toBe('Not selling')
    await soon(() => part(`Store ${name}`)).toMatch(/does not work\s+The store .* is fenced/)
    // The list of parts has its room: nothing around it moves.
    expect(await page.locator('.stock-panel').boundingBox()).toEqual(place)
    await page.getByRole('link', { name: 'Reconcile' }).click()
    await page.getByRole('button', { name: 'Repair…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Repair' }).click()
    await sees(page, /MySQL (is not available|did not answer|cannot be reached)|fenced/)
    await page.goto(`${page.url().split('#')[0]}#/skus/CONSOLE-5`)
    const quantity = page.getByLabel('Units to add')
    await quantity.fill('5')
    await page.getByLabel('Reason').fill('delivery')
    await quantity.press('Enter')
    await sees(page, /fenced.*however often, it is done once/)
    await proxy.plug()
    await soon(async () => {
      if ((await quantity.inputValue()) !== '') await quantity.press('Enter')
      return page.locator('#quantity-message').innerText()
    }).toBe('Adjusted. Available is 30 now.')
    await page.getByRole('link', { name: 'Overview' }).click()
    await soon(verdict).toBe('Selling')
    await soon(() => part('MySQL')).toMatch(/^MySQL\s+works$/)
    expectNoFaults(faults)
    await page.context().close()
    await api.stop()
    await proxy.unplug()
  })
})

describe('a service with API keys', () => {
  let key: string
  let url: string

  beforeAll(async () => {
    key = await makeKey(service.store.database, { name: 'office', scopes: ['console'] })
    const api = await service.store.api()
    url = await api.listen()
  })

  test('is asked for one, and shows nothing with a wrong one', async () => {
    const { page, faults } = await openConsole(url, '#/skus/CONSOLE-5')
    const field = page.getByLabel('API key')
    await field.waitFor()
    expect(await page.getByText('Available').count()).toBe(0)
    await sees(page, 'holdfast keys create --name office --scopes console')
    await expectAccessible(page)
    await field.fill('wrong')
    await page.keyboard.press('Enter')
    await sees(page, 'A valid API key is required.')
    await field.fill(await makeKey(service.store.database, { name: 'shop', scopes: ['stock:read'] }))
    // A key is known a moment after it was made.
    await soon(async () => {
      await page.getByRole('button', { name: 'Show the console' }).click()
      return page.locator('.key-refusal').innerText()
    }).toBe('This key is valid, but not for the console: it lacks the scope console.')
    await field.fill(key)
    await page.keyboard.press('Enter')
    await sees(page, 'Available')
    await sees(page, 'Live')
    await page.reload()
    await sees(page, 'Available')
    expect(await page.getByLabel('API key').count()).toBe(0)
    await page.getByRole('button', { name: 'Forget key' }).click()
    await field.waitFor()
    await field.fill(key)
    await page.keyboard.press('Enter')
    await sees(page, 'Live')
    // What is seen ends with the key, and no call has to be made for it.
    let refusedStreams = 0
    page.on('response', (response) => {
      if (response.url().includes('/v1/events') && response.status() === 401) refusedStreams++
    })
    await revokeKey(service.store.database, 'office')
    await sees(page, 'The key of this tab is no longer valid: it was revoked, or its time has run out.')
    expect(await page.getByText('Available').count()).toBe(0)
    // Nothing is asked for again before there is another key, which takes a while to be known.
    await field.fill(await makeKey(service.store.database, { scopes: ['console'] }))
    await soon(async () => {
      const button = page.getByRole('button', { name: 'Show the console' })
      if ((await button.count()) > 0) await button.click()
      return page.getByText('Live').count()
    }).toBe(1)
    expect(refusedStreams).toBeLessThanOrEqual(1)
    expectNoFaults(faults)
  })
})
