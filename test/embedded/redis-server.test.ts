import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, vi } from 'vitest'
import { startRedis } from '../../src/embedded/redis-server.js'
import { StartupError } from '../../src/embedded/startup-error.js'
import { folderTest, stillRunning } from './folder-under-test.js'
import { converse } from './redis-conversation.js'

vi.setConfig({ testTimeout: 60_000 })

describe('a Redis of our own', () => {
  folderTest('finds its data, port and password again at a second start', async ({ folder }) => {
    const first = await startRedis({ folder })
    expect(await converse(first.url, 'SET stock:cup 7')).toEqual(['+OK'])
    await first.stop()
    const second = await startRedis({ folder })
    expect(await converse(second.url, 'GET stock:cup')).toEqual(['7'])
    expect(second.url).toBe(first.url)
    await second.stop()
  })

  folderTest('keeps an answered write when it is killed', async ({ folder }) => {
    const first = await startRedis({ folder })
    await converse(first.url, 'SET stock:cup 7')
    process.kill(first.pid, 'SIGKILL')
    expect(await first.exited).toBe('signal SIGKILL')
    await first.stop()
    const second = await startRedis({ folder })
    expect(await converse(second.url, 'GET stock:cup')).toEqual(['7'])
    await second.stop()
  })

  folderTest('has the settings that stock needs, and lets a caller override them', async ({ folder }) => {
    const server = await startRedis({ folder, settings: { maxmemory: '64mb', appendfsync: 'everysec' } })
    const settings = ['appendonly', 'maxmemory-policy', 'maxmemory', 'appendfsync', 'bind', 'save']
    const replies = await Promise.all(settings.map((name) => converse(server.url, `CONFIG GET ${name}`)))
    expect(replies.map((reply) => reply.at(-1))).toEqual([
      'yes',
      'noeviction',
      '67108864',
      'everysec',
      '127.0.0.1',
      '',
    ])
    await server.stop()
  })

  folderTest('admits nobody without the password, which only the owner can read', async ({ folder }) => {
    const server = await startRedis({ folder })
    const [reply] = await converse(`redis://127.0.0.1:${server.port}`, 'GET stock:cup')
    expect(reply).toMatch(/^-NOAUTH/)
    for (const name of ['password', 'redis.conf']) {
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)
    }
    await server.stop()
  })

  folderTest('takes another port when its last one is busy', async ({ folder }) => {
    const first = await startRedis({ folder })
    await first.stop()
    const squatter = createServer().listen(first.port, '127.0.0.1')
    await once(squatter, 'listening')
    const second = await startRedis({ folder })
    expect(second.port).not.toBe(first.port)
    await second.stop()
    squatter.close()
  })

  folderTest('refuses a busy port that it was told to use', async ({ folder }) => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await once(squatter, 'listening')
    const { port } = squatter.address() as { port: number }
    await expect(startRedis({ folder, port })).rejects.toThrow(`port ${port} on 127.0.0.1 is taken`)
    squatter.close()
  })

  folderTest('says what Redis said when it ends during its start', async ({ folder }) => {
    const start = startRedis({ folder, settings: { 'no-such-directive': 'yes' } })
    await expect(start).rejects.toThrow(/ended during its start \(status 1; .*Bad directive/)
    await expect(start).rejects.toBeInstanceOf(StartupError)
  })

  folderTest('runs in a folder with a long path and spaces', async ({ folder }) => {
    const long = join(folder, 'a folder "of" ours', 'x'.repeat(120), 'y'.repeat(120))
    const first = await startRedis({ folder: long })
    await converse(first.url, 'SET stock:cup 7')
    await first.stop()
    const second = await startRedis({ folder: long })
    expect(await converse(second.url, 'GET stock:cup')).toEqual(['7'])
    await second.stop()
  })

  folderTest('ends once however often it is stopped', async ({ folder }) => {
    const server = await startRedis({ folder })
    await Promise.all([server.stop(), server.stop()])
    await server.stop()
    expect(await stillRunning([server.pid])).toEqual([])
    expect(await server.exited).toBe('status 0')
  })
})

describe('the folder of a server', () => {
  folderTest('is refused while a live process has it, and free after that', async ({ folder }) => {
    const server = await startRedis({ folder })
    await expect(startRedis({ folder })).rejects.toThrow(
      `in use by another Holdfast (process ${process.pid})`,
    )
    expect(await converse(server.url, 'PING')).toEqual(['+PONG'])
    await server.stop()
    await (await startRedis({ folder })).stop()
  })

  folderTest("is free when its owner's process id belongs to a later process", async ({ folder }) => {
    await writeFile(join(folder, 'claim-4'), JSON.stringify({ pid: process.pid, start: 'long ago' }))
    await (await startRedis({ folder })).stop()
  })

  folderTest('is free when its owner died while writing its claim', async ({ folder }) => {
    await writeFile(join(folder, 'claim-4'), '')
    await (await startRedis({ folder })).stop()
  })

  folderTest('goes to one of many that start at once', async ({ folder }) => {
    await writeFile(join(folder, 'claim-4'), JSON.stringify({ pid: process.pid, start: 'long ago' }))
    const starts = await Promise.allSettled(Array.from({ length: 8 }, () => startRedis({ folder })))
    const won = starts.filter((start) => start.status === 'fulfilled')
    await Promise.all(won.map((start) => start.value.stop()))
    expect(won).toHaveLength(1)
  })

  folderTest('that names a foreign process as its server leaves that process alone', async ({ folder }) => {
    const foreign = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await writeFile(join(folder, 'server.pid'), String(foreign.pid))
    await (await startRedis({ folder })).stop()
    expect(foreign.exitCode ?? foreign.signalCode).toBeNull()
    foreign.kill()
    await once(foreign, 'exit')
  })

  folderTest('is refused in one sentence when a file is in its place', async ({ folder }) => {
    const file = join(folder, 'data')
    await writeFile(file, '')
    await expect(startRedis({ folder: file })).rejects.toThrow(
      `The data folder ${file} cannot be used: a file of that name is in its place.`,
    )
    await expect(startRedis({ folder: join(file, 'below') })).rejects.toThrow('a part of the path is a file.')
  })

  folderTest('is refused in one sentence when it cannot be written', async ({ folder }) => {
    const closed = join(folder, 'closed')
    await mkdir(closed, { mode: 0o500 })
    // Root may write anywhere but in the kernel's own folders.
    const wanted = process.getuid?.() === 0 ? '/proc/holdfast' : closed
    await expect(startRedis({ folder: wanted })).rejects.toThrow(`The data folder ${wanted} cannot be used:`)
  })
})
