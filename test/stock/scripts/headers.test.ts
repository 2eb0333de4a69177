import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { loadScript, type ScriptName, scriptKeys } from '../../../src/stock/scripts.js'

const luaFolder = fileURLToPath(new URL('../../../lua/', import.meta.url))
const names = Object.keys(scriptKeys) as ScriptName[]

test('every Lua file is a declared script, and every declared script is a file', () => {
  const files = readdirSync(luaFolder).filter((file) => file.endsWith('.lua'))
  expect(files.sort()).toEqual(names.map((name) => `${name}.lua`).sort())
})

describe.each(names)('the header of %s', (name) => {
  const source = readFileSync(`${luaFolder}${name}.lua`, 'utf8')
  const header = /^#!lua[^\n]*\n((?:--[^\n]*\n)+)/.exec(source)?.[1] ?? ''

  test('begins with its name and its purpose', () => {
    expect(header).toMatch(new RegExp(`^-- ${name}: [a-z]`))
  })

  test('names the KEYS that TypeScript passes, in order', () => {
    const keys = /^-- KEYS: (.+)$/m.exec(header)?.[1]?.split(', ')
    expect(keys).toEqual([...scriptKeys[name]])
  })

  test('gives the same names to the keys in the code', () => {
    const unpacked = /^local (.+) = unpack\(KEYS\)$/m.exec(source)?.[1]
    const first = /^local (\w+) = KEYS\[1\]$/m.exec(source)?.[1]
    const named = (unpacked ?? first)?.split(', ') ?? []
    const wanted = scriptKeys[name].map((key) => `${key}_key`)
    expect(named).toEqual(unpacked ? wanted : wanted.slice(0, 1))
  })

  test('documents ARGV, the server first, and what it returns', () => {
    expect(header).toMatch(/^-- ARGV: server\b/m)
    expect(header).toMatch(/^-- Returns[: ]/m)
  })

  test('documents every outcome that the code returns', () => {
    const code = loadScript(name).source.slice(header.length)
    const outcomes = [...code.matchAll(/'([a-z]+(?:-[a-z]+)*)(?:\\t)?'/g)]
      .map((match) => match[1] as string)
      .filter((word) => returned(code, word))
    for (const outcome of outcomes) expect(header).toContain(outcome)
  })

  test('lets only reservations wait for memory', () => {
    expect(source.split('\n', 1)[0]).toBe(name === 'reserve' ? '#!lua' : '#!lua flags=allow-oom')
  })
})

/** Whether the word stands in a `return`, alone, in a table or as the begin of a text. */
function returned(code: string, word: string): boolean {
  return new RegExp(`return (?:\\{ )?[^\\n]*'${word}(?:\\\\t)?'`).test(code)
}

test('no script names a key by itself: keys come in KEYS', () => {
  for (const name of names) expect(loadScript(name).source).not.toContain('holdfast:')
})
