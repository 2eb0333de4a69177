import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { startRedis } from '../../src/embedded/redis-server.js'
import { storeKeys } from '../../src/stock/keys.js'
import { openBriefStore } from '../support/brief-store.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { eventually } from '../support/test-store.js'

test('what was torn off the append-only file does not come back at a later start', {
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-torn-'))
  const start = () => startRedis({ folder: join(folder, 'redis') })
  let server = await start()
  const crash = async (lose: () => Promise<unknown> = async () => {}) => {
    process.kill(server.pid, 'SIGKILL')
    await server.exited
    // Lets go of the folder.
    await server.stop()
    await lose()
    server = await start()
  }
  /** The file ends in the middle of the EXEC of the script that wrote a text. */
  const tear = async (text: string) => {
    const path = join(folder, 'redis', 'appendonlydir', 'appendonly.aof.1.incr.aof')
    const bytes = await readFile(path)
    const exec = bytes.indexOf('*1\r\n$4\r\nEXEC', bytes.indexOf(text))
    expect(exec).toBeGreaterThan(0)
    await truncate(path, exec + 6)
  }
  const store = await openBriefStore({ redisUrl: server.url, connectTimeoutMs: 2000, confirmWaitMs: 5000 })
  const api = await store.api()
  const shopper = new Shopper(api.app)
  const isOpen = async () => (await shopper.stock('CUP')).status === 200
  try {
    for (const sku of ['CUP', 'HAT']) expect((await shopper.set(sku, 10)).status).toBe(201)
    const held = await shopper.reserve({ lines: [{ sku: 'CUP', quantity: 4 }] })
    expect((await shopper.release(held.body.id)).status).toBe(200)
    const keys = storeKeys(store.name)
    await crash(() => tear('release\t'))
    await eventually(isOpen, 'it is open again')
    expect(await shopper.stock('CUP')).toMatchObject({ body: { available: 6, held: 4 } })
    expect((await shopper.reserve({ lines: [{ sku: 'HAT', quantity: 1 }] })).status).toBe(201)
    await crash()
    await eventually(isOpen, 'it is open once more')
    expect(await shopper.stock('CUP')).toMatchObject({ body: { available: 6, held: 4 } })
    const redis = new Redis(server.url)
    expect(await redis.hget(keys.stock, 'HAT')).toBe('9 1 0')
    redis.disconnect()
    await store.worker()
    await expectInvariants(store)
  } finally {
    await store.close()
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
})
