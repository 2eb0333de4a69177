import { readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'

const carriageReturn = 13

/**
 * Cuts the newest commands off Redis' append-only file, as a disk does that lost its cache.
 *
 * @param folder where the file stands, of a server that does not run.
 * @param lost how many commands go; a script's writes are one.
 * @param insideCommand whether what is left ends in the middle of a command.
 * @returns how many went.
 */
export async function cutAppendOnlyFile(
  folder: string,
  { lost, insideCommand }: { lost: number; insideCommand: boolean },
): Promise<number> {
  const name = (await readdir(folder))
    .filter((file) => file.endsWith('.incr.aof'))
    .sort(byNumber)
    .at(-1)
  if (!name) throw new Error(`${folder} has no append-only file`)
  const path = join(folder, name)
  const bytes = await readFile(path)
  const ends = commandEnds(bytes)
  const kept = Math.max(1, ends.length - lost)
  const end = ends[kept - 1] ?? 0
  // A part of the next command stays, if there is one.
  const next = ends[kept] ?? end
  await truncate(path, insideCommand ? end + Math.floor((next - end) / 2) : end)
  return ends.length - kept
}

/** Where each command ends; everything from MULTI to EXEC is one. */
function commandEnds(bytes: Buffer): number[] {
  const ends: number[] = []
  let at = 0
  let inTransaction = false
  while (at < bytes.length) {
    const start = at
    const readNumber = () => {
      const end = bytes.indexOf(carriageReturn, at)
      const number = Number(bytes.toString('latin1', at + 1, end))
      at = end + 2
      return number
    }
    // `*3` and then, for each argument, `$length`, the argument and a line's end.
    const count = readNumber()
    let verb = ''
    for (let i = 0; i < count; i++) {
      const length = readNumber()
      if (i === 0) verb = bytes.toString('latin1', at, at + length).toUpperCase()
      at += length + 2
    }
    if (!(count > 0) || at > bytes.length) throw new Error(`the append-only file is malformed at ${start}`)
    if (verb === 'MULTI') inTransaction = true
    if (verb === 'EXEC') inTransaction = false
    if (!inTransaction) ends.push(at)
  }
  return ends
}

/** `appendonly.aof.12.incr.aof` is newer than `appendonly.aof.2.incr.aof`. */
function byNumber(a: string, b: string): number {
  return Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0])
}
