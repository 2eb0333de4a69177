import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MariadbServer, startMariadb } from '../src/embedded/mariadb-server.js'
import { type RedisServer, startRedis } from '../src/embedded/redis-server.js'
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
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
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
  return { REDIS_URL: redisUrl, DATABASE_URL: url.href, HOLDFAST_CONNECT_TIMEOUT_MS: '2000', PORT: '0' }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

async function migrate(environment: Record<string, string>) {
  const command = new HoldfastCommand(['migrate'], environment)
  return { status: await command.ended, said: command.stdout + command.stderr }
}

test('a MySQL that wants TLS is asked over TLS, if its certificate is trusted', async () => {
  const refused = await Promise.all([
    migrate({ ...settings(''), ...trusted() }),
    migrate({ ...settings('?ssl=false'), ...trusted() }),
    migrate(settings('?ssl=true')),
    migrate({ ...settings('?ssl=true', 'wrong'), ...trusted() }),
  ])
  const why = refused.map(({ said }) => said.replace(/^MySQL cannot be migrated: /, ''))
  const denied = expect.stringMatching(/^Access denied for user 'holdfast'@.* \(using password: YES\)\.\n$/)
  expect(refused.map(({ status }) => status)).toEqual([2, 2, 2, 2])
  expect(why).toEqual([denied, denied, 'self-signed certificate.\n', denied])
  expect(await migrate({ ...settings('?ssl=true'), ...trusted() })).toMatchObject({ status: 0 })
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
  const stranger = new HoldfastCommand(['api'], settings('?ssl=true'))
  expect([await stranger.ended, stranger.stderr]).toEqual([2, expect.stringContaining('self-signed')])
})
