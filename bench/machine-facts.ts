import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { version } from '#product/version.js'
import { median } from './results.js'
import { inRepository } from './servers/target.js'

const fsyncs = 100
const tmpfsType = 0x01021994

/** What a reader needs to judge the figures and repeat them; nothing that names the machine or its owner. */
export function machineFacts(dataFolder: string) {
  return {
    measuredAt: new Date().toISOString(),
    product: version,
    commit: git('rev-parse', 'HEAD'),
    /** Whether what is measured differs from the commit. */
    dirty: git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!bench/results') !== '',
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    /** Median of an fsync of 4 KiB where the servers keep their data; next to nothing in memory. */
    fsyncMs: measureFsync(dataFolder),
  }
}

/** Whether the folder is memory, where `appendfsync always` costs nothing. */
export function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === tmpfsType
}

function measureFsync(folder: string): number | undefined {
  const file = join(folder, 'fsync-probe')
  const page = Buffer.alloc(4096)
  const handle = openSync(file, 'w')
  try {
    return median(
      Array.from({ length: fsyncs }, () => {
        const began = performance.now()
        writeSync(handle, page)
        fsyncSync(handle)
        return performance.now() - began
      }),
    )
  } finally {
    closeSync(handle)
    rmSync(file)
  }
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      encoding: 'utf8',
      cwd: inRepository('.'),
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined // Not a clone.
  }
}
