import { arch, cpus, platform, release, totalmem } from 'node:os'

/** What a reader needs to judge the figures; nothing that names the machine or its owner. */
export function machineFacts() {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.version,
  }
}
