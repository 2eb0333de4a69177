import { expect, vi } from 'vitest'
import { folderTest } from '../embedded/folder-under-test.js'
import { HoldfastCommand } from '../support/holdfast-command.js'

vi.setConfig({ testTimeout: 120_000 })

folderTest(
  'a command finds the private servers of a start that runs, and of one that has ended',
  async ({ folder }) => {
    const settings = { HOLDFAST_DATA: folder, PORT: '0' }
    const start = new HoldfastCommand(['start'], settings)
    await start.url()

    const beside = new HoldfastCommand(['stock', 'export'], settings)
    expect([await beside.ended, beside.stderr]).toEqual([0, '3 SKUs were exported.\n'])
    const compared = new HoldfastCommand(['reconcile'], settings)
    expect([await compared.ended, compared.stdout]).toEqual([0, expect.stringMatching(/No drift\.\n$/)])
    const listed = new HoldfastCommand(['quarantine', 'list'], settings)
    expect([await listed.ended, listed.stdout]).toEqual([0, 'Store main: nothing is quarantined.\n'])
    expect(await start.kill('SIGTERM')).toBe(0)

    const after = new HoldfastCommand(['stock', 'export'], settings)
    expect([await after.ended, after.stdout]).toEqual([0, beside.stdout])
    expect(after.stderr).toMatch(/starting [\s\S]*3 SKUs were exported\.\n$/)
  },
)

folderTest('a command on a folder that is empty makes its tables, as a start does', async ({ folder }) => {
  const command = new HoldfastCommand(['stock', 'export'], { HOLDFAST_DATA: folder })
  expect([await command.ended, command.stdout]).toEqual([0, 'sku,available,held,sold,onHand\r\n'])
  expect(command.stderr).toMatch(/0 SKUs were exported\.\n$/)
})

folderTest('a command that is stopped while it starts private servers ends them', async ({ folder }) => {
  const command = new HoldfastCommand(['stock', 'export'], { HOLDFAST_DATA: folder })
  await command.says(/starting [\s\S]*starting /)
  // By itself, and not by the signal. That no server is left the folder's own check sees.
  expect(await command.kill('SIGINT')).toEqual(expect.any(Number))
})

folderTest('a command says so when a folder holds no data, and makes none', async ({ folder }) => {
  const command = new HoldfastCommand(['stock', 'export'], { HOLDFAST_DATA: `${folder}/nothing` })
  expect(await command.ended).toBe(2)
  expect(command.stderr).toMatch(/^holdfast stock export needs REDIS_URL .*\/nothing\.\n$/)
  expect(command.stdout).toBe('')
})
