import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedIds } from '../../src/recovery/sorted-ids.js'

test('has exactly the ids that were added, over all pages', () => {
  const ids = fc.uniqueArray(fc.uuid(), { minLength: 9000, maxLength: 9000 })
  fc.assert(
    fc.property(ids, (all) => {
      const sorted = [...all].sort()
      const added = sorted.filter((_, i) => i % 2 === 0)
      const seen = new SortedIds()
      for (let i = 0; i < added.length; i += 1000) seen.add(added.slice(i, i + 1000))
      expect(sorted.filter((id) => seen.has(id))).toEqual(added)
    }),
    { numRuns: 3 },
  )
})

test('tells ids apart that differ in one digit', () => {
  const id = '01a215a6-6991-7646-a21f-11b7850bccf1'
  const seen = new SortedIds()
  seen.add([id])
  expect(seen.has(id)).toBe(true)
  for (let i = 0; i < id.length; i++) {
    if (id[i] === '-') continue
    expect(seen.has(`${id.slice(0, i)}${id[i] === '0' ? '1' : '0'}${id.slice(i + 1)}`)).toBe(false)
  }
})

test('never has what is no UUID, so that it is looked at twice rather than not at all', () => {
  const seen = new SortedIds()
  const none = ['', 'x', '01A215A6-6991-7646-A21F-11B7850BCCF1', '01a215a66-991-7646-a21f-11b7850bccf1']
  seen.add(none)
  for (const id of [...none, '01a215a6-6991-7646-a21f-11b7850bccf1']) expect(seen.has(id)).toBe(false)
})
