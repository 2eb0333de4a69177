import { readFileSync } from 'node:fs'

/** The most memory a process has had in use so far, in MB; NaN where there is no /proc or no such process. */
export function readPeakMb(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return (Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6
  } catch {
    return Number.NaN
  }
}
