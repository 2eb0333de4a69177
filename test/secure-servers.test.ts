import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findProgram, thisMachine } from '../src/embedded/machine.js'
import { type MariadbServer, startMariadb } from '../src/embedded/mariadb-server.js'
import { type RedisServer, startRedis } from '../src/embedded/redis-server.js'
import { provideTool } from './faults/stage/tools.js'
import { HoldfastCommand } from './support/holdfast-command.js'

let folder: string
let mariadb: MariadbServer
let redis: RedisServer
let redisUrl: string
let certificate: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
  certificate = join(folder, 'certificate.pem')
  const key = join(folder, 'key.pem')
  // One of its own, and its own authority.
  const openssl = await provideTool('openssl', () => findProgram(thisMachine(), ['openssl']))
  await promisify(execFile)(openssl as string, [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=holdfast', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ])
  mariadb = await startMariadb({
    folder: join(folder, 'mariadb'),
    settings: { 'ssl-cert': certificate, 'ssl-key': key, 'require-secure-transport': 'ON' },
  })
  const port = await freePort()
  redis = await startRedis({
    folder: join(folder, 'redis'),
    settings: {
      'tls-port': String(port),
      'tls-cert-file': certificate,
      'tls-key-file': key,
      'tls-ca-cert-file': certificate,
      'tls-auth-clients': 'no',
    },
  })
  const url = new URL(redis.url)
  redisUrl = `rediss://${url.username}:${url.password}@127.0.0.1:${port}`
})

afterAll(async () => {
  await redis?.stop()
  await mariadb?.stop()
  await rm(folder, { recursive: true, force: true })
})

const trusted = () => ({ NODE_EXTRA_CA_CERTS: certificate })

/** @param parameters of the URL of MySQL. */
function settings(parameters: string, password?: string): Record<string, string> {
  const url = new URL(`${mariadb.url}${parameters}`)
  if (password) url.password = password
  return { REDIS_URL: redisUrl, DATABASE_URL: url.href, HOLDFAST_CONNECT_TIMEOUT_MS: '5000', PORT: '0' }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

/** One that is refused tries until its time is up. */
const refusedSoon = { HOLDFAST_CONNECT_TIMEOUT_MS: '1500' }

async function migrate(environment: Record<string, string>) {
  const command = new HoldfastCommand(['migrate'], environment)
  return { status: await command.ended, said: command.stdout + command.stderr }
}

test('a MySQL that wants TLS is asked over TLS, if its certificate is trusted', async () => {
  const refused = await Promise.all([
    migrate({ ...settings(''), ...trusted() }),
    migrate({ ...settings('?ssl=true'), ...refusedSoon }),
    migrate({ ...settings('?ssl=true', 'wrong'), ...trusted() }),
  ])
  const why = refused.map(({ said }) => said.replace(/^MySQL cannot be migrated: /, ''))
  const denied = expect.stringMatching(/^Access denied for user 'holdfast'@.* \(using password: YES\)\.\n$/)
  expect(refused.map(({ status }) => status)).toEqual([2, 2, 2])
  expect(why).toEqual([denied, 'self-signed certificate.\n', denied])
  expect(await migrate({ ...settings('?ssl=true'), ...trusted() })).toMatchObject({ status: 0 })
})

test('a certificate for another name is not taken', async () => {
  const elsewhere = settings('?ssl=true')
  const environment = {
    ...elsewhere,
    DATABASE_URL: elsewhere.DATABASE_URL?.replace('127.0.0.1', 'localhost') ?? '',
  }
  expect(await migrate({ ...environment, ...trusted(), ...refusedSoon })).toMatchObject({
    status: 2,
    said: expect.stringMatching(/altnames|certificate/),
  })
})

test('Redis and MySQL are both asked over TLS', async () => {
  const environment = { ...settings('?ssl=true'), ...trusted() }
  await migrate(environment)
  const api = new HoldfastCommand(['api'], environment)
  const answer = await fetch(`${await api.url()}/v1/stock/cup`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"onHand":5}',
  })
  expect(answer.status).toBe(201)
  expect(await api.kill('SIGTERM')).toBe(0)
  const stranger = new HoldfastCommand(['api'], { ...settings('?ssl=true'), ...refusedSoon })
  expect([await stranger.ended, stranger.stderr]).toEqual([2, expect.stringContaining('self-signed')])
})
