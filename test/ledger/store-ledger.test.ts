import { expect, test } from 'vitest'
import { StoreLedger } from '../../src/ledger/store-ledger.js'
import { openTestStore } from '../support/test-store.js'

test('the last owner that was opened stays the last one until another one is', async () => {
  const store = await openTestStore()
  const ledger = new StoreLedger(store.database, store.name)
  const open = async (server: string) => {
    const owner = await ledger.claim(server, await ledger.row())
    if (!owner) throw new Error('it was not claimed')
    expect(await ledger.markOpened(owner)).toBe(true)
  }
  await open('a')
  await open('b')
  const b = { server: 'b', generation: 1 }
  expect(await ledger.row()).toMatchObject({ ...b, opened: true, lastOpened: b })
  expect(await ledger.claim('c', await ledger.row())).toMatchObject({ opened: false, lastOpened: b })
  expect(await ledger.claim('d', await ledger.row())).toMatchObject({ generation: 2, lastOpened: b })
  expect(await ledger.claimNextEpoch(await ledger.row())).toMatchObject({ opened: false, lastOpened: b })
  expect(await ledger.row()).toMatchObject({ server: 'd', generation: 2, opened: false, lastOpened: b })
  await open('d')
  const d = { server: 'd', generation: 2 }
  expect(await ledger.row()).toMatchObject({ ...d, opened: true, lastOpened: d })
  expect(await ledger.claimNextEpoch(await ledger.row())).toMatchObject({ ...d, lastOpened: d })
})

test.each([
  { generation: 6, opened: true, lastOpened: { server: '', generation: 6 } },
  { generation: 7, opened: false, lastOpened: { server: '', generation: 6 } },
  { generation: 6, opened: false, lastOpened: { server: 'b', generation: 5 } },
  { generation: 5, opened: true, lastOpened: { server: 'b', generation: 5 } },
  { generation: 5, opened: false, lastOpened: { server: 'b', generation: 5 } },
])(
  'an opening that nobody recorded is counted: $generation, $opened',
  async ({ generation, opened, lastOpened }) => {
    const store = await openTestStore()
    const ledger = new StoreLedger(store.database, store.name)
    await ledger.row()
    const recorded = { openedServer: 'b', openedGeneration: 5 }
    await store.database.store.updateMany({ data: { server: 'c', generation, opened, ...recorded } })
    expect((await ledger.row()).lastOpened).toEqual(lastOpened)
  },
)

test('the watermark by itself, run late after its transaction was rolled back, moves to no entry that is not there', async () => {
  const store = await openTestStore()
  const ledger = new StoreLedger(store.database, store.name)
  const owner = await ledger.claim('a', await ledger.row())
  if (!owner) throw new Error('it was not claimed')
  await ledger.markOpened(owner)
  const row = await ledger.row()
  const to = { epoch: 1, sequence: 3 }
  expect(await ledger.apply(row, { entries: 1, aside: [], to, writes: [] })).toBe(false)
  expect(await ledger.row()).toEqual(row)
  expect(await ledger.apply(row, { entries: 0, aside: [], to: row.watermark, writes: [] })).toBe(true)
})
