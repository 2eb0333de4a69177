import { describe, expect, test } from 'vitest'
import { isRefusal, refusals } from '../../src/domain/outcomes.js'

describe('the catalogue of refusals', () => {
  test.for(Object.entries(refusals))(
    'has a code, an error status and one sentence for %s',
    ([code, { status, title }]) => {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(600)
      expect(title).toMatch(/^[A-Z].*[.?]$/)
    },
  )

  test('has no title twice', () => {
    const titles = Object.values(refusals).map(({ title }) => title)
    expect(new Set(titles).size).toBe(titles.length)
  })

  test('is told from what was done', () => {
    expect(isRefusal({ refused: 'overloaded' })).toBe(true)
    expect(isRefusal({ id: 'r1' })).toBe(false)
  })
})
