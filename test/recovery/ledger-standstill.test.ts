import { expect, test } from 'vitest'
import { LedgerStandstill } from '../../src/recovery/ledger-standstill.js'

/** How long each look finds that MySQL has taken nothing, the looks a second apart. */
function watch(...looks: (readonly [persisted: number, behind: number])[]): number[] {
  const standstill = new LedgerStandstill()
  return looks.map(([persisted, behind], second) => {
    standstill.note(persisted, behind, second * 1000)
    return standstill.ms(second * 1000)
  })
}

test('a ledger stands still while MySQL takes nothing of what there is for it', () => {
  expect(watch([5, 1], [5, 2], [5, 9])).toEqual([0, 1000, 2000])
})

test('a ledger with nothing for MySQL does not stand still, however long nothing happens', () => {
  expect(watch([5, 0], [5, 0], [5, 3], [5, 3])).toEqual([0, 0, 0, 1000])
})

test('a ledger that is far behind and moves does not stand still, and one that was set back has moved', () => {
  expect(watch([5, 900], [6, 999], [6, 999], [3, 999])).toEqual([0, 0, 1000, 0])
})
