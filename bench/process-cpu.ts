import { readFileSync } from 'node:fs'

/** Linux counts in ticks of 10 ms on every platform Node runs on. */
const msPerTick = 10

/**
 * CPU time of a process in ms, its ended children's included: Redis rewrites its append-only file in
 * a child. NaN where there is no /proc or no such process.
 */
function readCpuMs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; utime is the 12th field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    return ticks * msPerTick
  } catch {
    return Number.NaN
  }
}

/** CPU time in ms of a process and the children it has: PostgreSQL serves each connection in one. */
function readTreeCpuMs(pid: number): number {
  // A child that has just ended counts for nothing here: its parent's figure has it.
  return childrenOf(pid).reduce((sum, child) => sum + (readCpuMs(child) || 0), readCpuMs(pid))
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return []
  }
}

/** CPU ms by name of the processes it was given, from now until the returned function is called. */
export function watchCpu(pids: Readonly<Record<string, readonly number[]>>): () => Record<string, number> {
  const total = (name: string) => (pids[name] ?? []).reduce((sum, pid) => sum + readTreeCpuMs(pid), 0)
  const names = Object.keys(pids)
  const began = new Map(names.map((name) => [name, total(name)]))
  return () => Object.fromEntries(names.map((name) => [name, total(name) - (began.get(name) ?? 0)]))
}
