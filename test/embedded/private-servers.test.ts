import { writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { describe, expect, vi } from 'vitest'
import { startPrivateServers } from '../../src/embedded/private-servers.js'
import { folderTest, stillRunning } from './folder-under-test.js'
import { runHoldfast } from './holdfast-process.js'
import { converse } from './redis-conversation.js'

vi.setConfig({ testTimeout: 120_000 })

describe('private servers', () => {
  folderTest('both run, say what they do, and end together', async ({ folder }) => {
    const lines: string[] = []
    const servers = await startPrivateServers({ folder, progress: (line) => lines.push(line) })
    expect(await converse(servers.redisUrl, 'PING')).toEqual(['+PONG'])
    expect(servers.databaseUrl).toMatch(/^mysql:\/\/holdfast:[0-9a-f]{48}@127\.0\.0\.1:\d+\/holdfast/)
    expect(lines.join('\n')).toMatch(/starting redis-server on port \d+/)
    const [bound] = (await converse(servers.redisUrl, 'CONFIG GET maxmemory')).slice(-1)
    expect(Number(bound)).toBeGreaterThan(0)
    expect(Number(bound)).toBeLessThanOrEqual(totalmem() / 5)
    await Promise.all([servers.stop(), servers.stop()])
    expect(await stillRunning([servers.redis.pid, servers.mariadb.pid])).toEqual([])
  })

  folderTest('bound the memory of Redis as they are told', async ({ folder }) => {
    const servers = await startPrivateServers({ folder, redisBytesMax: 64_000_000 })
    expect((await converse(servers.redisUrl, 'CONFIG GET maxmemory')).at(-1)).toBe('64000000')
    expect((await converse(servers.redisUrl, 'CONFIG GET maxmemory-policy')).at(-1)).toBe('noeviction')
    await servers.stop()
  })

  folderTest('leave nothing running when one of them cannot start', async ({ folder }) => {
    await writeFile(join(folder, 'mariadb'), '')
    await expect(startPrivateServers({ folder })).rejects.toThrow('a file of that name is in its place')
  })

  folderTest('of a killed process are replaced, and their data is found', async ({ folder }) => {
    const data = join(folder, 'data')
    const killed = await runHoldfast(data, 'setInterval(() => {}, 1000);')
    await converse(killed.redisUrl, 'SET stock:cup 7')
    await expect(startPrivateServers({ folder: data })).rejects.toThrow('in use by another Holdfast')
    await killed.kill('SIGKILL')
    expect(await stillRunning(killed.serverPids)).toHaveLength(2)
    const servers = await startPrivateServers({ folder: data })
    expect(await stillRunning(killed.serverPids)).toEqual([])
    expect(await converse(servers.redisUrl, 'GET stock:cup')).toEqual(['7'])
    await servers.stop()
  })

  folderTest('end with a process that exits without stopping them', async ({ folder }) => {
    const data = join(folder, 'data')
    const gone = await runHoldfast(data, 'process.exit(1);')
    await vi.waitUntil(async () => (await stillRunning(gone.serverPids)).length === 0, { timeout: 20_000 })
  })
})
