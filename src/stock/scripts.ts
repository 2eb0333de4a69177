import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'

/** Beside `src/` and beside `dist/` alike. */
const luaFolder = fileURLToPath(new URL('../../lua/', import.meta.url))

/** The KEYS of each script, by name and in order; a test holds the Lua headers against this. */
export const scriptKeys = {
  reserve: ['position', 'stock', 'ledger', 'reservations', 'deadlines', 'keys'],
  confirm: ['position', 'stock', 'ledger', 'reservations', 'deadlines', 'finished'],
  release: ['position', 'stock', 'ledger', 'reservations', 'deadlines', 'finished'],
  extend: ['position', 'stock', 'ledger', 'reservations', 'deadlines', 'finished'],
  expire: ['position', 'stock', 'ledger', 'reservations', 'deadlines', 'finished'],
  set: ['position', 'stock', 'ledger', 'skus'],
  adjust: ['position', 'stock', 'ledger', 'adjustment'],
  count: ['position', 'stock'],
  list: ['position', 'stock', 'skus'],
  read: ['position', 'reservations'],
  forget: ['position', 'reservations', 'finished', 'keys'],
  verify: ['position', 'ledger'],
  supersede: ['position'],
  clear: ['position', 'stock', 'skus', 'reservations', 'deadlines', 'finished', 'keys', 'ledger'],
  restore: ['position', 'stock', 'skus', 'reservations', 'deadlines', 'finished', 'keys'],
  open: ['position', 'restorer'],
  survey: ['position', 'stock', 'skus', 'reservations', 'deadlines', 'finished', 'keys'],
  correct: ['position', 'stock', 'ledger', 'skus'],
  mend: ['position', 'stock', 'ledger', 'reservations', 'deadlines', 'finished', 'keys'],
} as const

export type ScriptName = keyof typeof scriptKeys

export interface Script {
  name: ScriptName
  source: string
  sha1: string
}

export function loadScript(name: ScriptName): Script {
  const source = includeParts(readFileSync(`${luaFolder}${name}.lua`, 'utf8'))
  return { name, source, sha1: createHash('sha1').update(source).digest('hex') }
}

/** Puts the text of `lua/include/NAME.lua` where a script, or another part, says `-- include NAME`. */
export function includeParts(source: string): string {
  return source.replace(/^ *-- include (\w+)$/gm, (_line, part: string) =>
    includeParts(readFileSync(`${luaFolder}include/${part}.lua`, 'utf8')),
  )
}

/**
 * Runs a script by its digest, and by its text when Redis does not know it (after a flush or a
 * restart). A script that Redis did not know was not run, so this second call is safe.
 */
export async function runScript(
  redis: Redis,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<string[]> {
  try {
    return (await redis.evalsha(script.sha1, keys.length, ...keys, ...args)) as string[]
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return (await redis.eval(script.source, keys.length, ...keys, ...args)) as string[]
  }
}
