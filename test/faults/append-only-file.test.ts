import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { cutAppendOnlyFile } from './kinds/append-only-file.js'

const folders: string[] = []

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true })
})

const command = (...words: string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
const select = command('SELECT', '0')
const script = command('MULTI') + command('HSET', 'a', 'b', 'c') + command('EXEC')

async function cut(text: string, how: { lost: number; insideCommand: boolean }) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-aof-'))
  folders.push(folder)
  await writeFile(join(folder, 'appendonly.aof.9.incr.aof'), 'older')
  const file = join(folder, 'appendonly.aof.10.incr.aof')
  await writeFile(file, text)
  const gone = await cutAppendOnlyFile(folder, how)
  return { gone, left: await readFile(file, 'utf8') }
}

test('a file is cut between commands; what a script wrote is one', async () => {
  const set = command('SET', 'k', 'v')
  const text = select + set + script + script
  expect(await cut(text, { lost: 2, insideCommand: false })).toEqual({ gone: 2, left: select + set })
  expect(await cut(text, { lost: 1, insideCommand: false })).toEqual({ gone: 1, left: select + set + script })
})

test('a file is cut inside a command', async () => {
  const { left } = await cut(select + script, { lost: 1, insideCommand: true })
  expect((select + script).startsWith(left)).toBe(true)
  expect(left.length).toBeGreaterThan(select.length)
  expect(left.length).toBeLessThan((select + script).length)
})
