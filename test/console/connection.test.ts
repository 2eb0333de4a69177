import { beforeAll, describe, expect, test, vi } from 'vitest'
import { makeKey } from '../support/api-keys.js'
import { expectNoFaults, openConsole, row, sees, soon } from './console-under-test.js'
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
    await field.fill('wrong')
    await page.keyboard.press('Enter')
    await sees(page, 'A valid API key is required.')
    await field.fill(key)
    await page.keyboard.press('Enter')
    await sees(page, 'Available')
    await sees(page, 'Live')
    await page.reload()
    await sees(page, 'Available')
    expect(await page.getByLabel('API key').count()).toBe(0)
    await page.getByRole('button', { name: 'Forget key' }).click()
    await field.waitFor()
    expectNoFaults(faults)
  })
})
