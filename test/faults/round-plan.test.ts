import { describe, expect, test } from 'vitest'
import { kinds } from './kinds/kinds.js'
import { describePlan, planRound, seedsOf } from './round-plan.js'

describe('the plan of a round', () => {
  test.each(kinds.map((kind) => [kind.name, kind] as const))(
    'of %s is the same for the same seed and another for another',
    (_name, kind) => {
      const draw = (seed: number) => describePlan(planRound(seed, kind, { brief: false }))
      expect(draw(7)).toEqual(draw(7))
      expect(draw(8).slice(1)).not.toEqual(draw(7).slice(1))
    },
  )

  test('has nothing that takes long when it is to be brief', () => {
    const texts = kinds.flatMap((kind) =>
      Array.from({ length: 200 }, (_, seed) => describePlan(planRound(seed, kind, { brief: true })).join()),
    )
    expect(texts.filter((text) => /\d{5} ms/.test(text.replace(/^ +\d+ ms:/gm, '')))).toEqual([])
  })

  test.each([0, 1, 999_999_937])(
    'goes every way of every kind in a run of 200 rounds from seed %i on',
    (seed) => {
      const gone = new Map(kinds.map(({ name }) => [name, new Set<string>()]))
      for (const round of seedsOf(kinds, seed, 200)) {
        const { faults } = planRound(round.seed, round.kind, { brief: false })
        for (const { way } of faults) gone.get(round.kind.name)?.add(way)
      }
      for (const { name, ways } of kinds) expect([...(gone.get(name) ?? [])].sort()).toEqual(ways.toSorted())
    },
  )
})
