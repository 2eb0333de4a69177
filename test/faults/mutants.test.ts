import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { kinds } from './kinds/kinds.js'
import { mutants } from './mutants.js'
import { root } from './stage/product-copy.js'

test.for(mutants)('$name can be put into what is built', ({ patches, kind, way }) => {
  for (const { file, from } of patches) {
    const places = readFileSync(join(root, file), 'utf8').split(from).length - 1
    expect(places, `places in ${file} that say: ${from}`).toBe(1)
  }
  const ways = kinds.find(({ number }) => number === kind)?.ways
  expect(ways).toBeDefined()
  if (way !== undefined) expect(ways).toContain(way)
})
