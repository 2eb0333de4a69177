import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { readConfig, settings } from '../src/config.js'
import { thisMachine } from '../src/embedded/machine.js'
import { anyFreePort } from '../src/embedded/port-choice.js'
import { findPrograms } from '../src/embedded/programs.js'
import { openDatabase } from '../src/ledger/database.js'
import { type Compose, readCompose, type Service } from './container/compose.js'
import { buildImage, type Image, parseDockerfile } from './container/dockerfile.js'
import { dockerignore } from './container/dockerignore.js'
import { eventually } from './support/test-store.js'

/*
 * The Dockerfile and docker-compose.yml, without a container engine: the Dockerfile's steps are run in
 * temporary folders, and its commands started there as an unprivileged user with nothing but Node on
 * their path, with the settings that docker-compose.yml gives and a Redis that runs as it says.
 *
 * What this cannot show: that npm unpacks what it installs, the base images themselves, the creation of
 * users (`node` comes with its image; here it is a user id), the network between containers and MySQL's
 * image. MySQL's part is played by the test servers' database, and its flags are only read.
 */
vi.setConfig({ testTimeout: 180_000 })

const project = fileURLToPath(new URL('..', import.meta.url))
const projectFile = (name: string) => readFile(join(project, name), 'utf8')
/** The unprivileged user of Node's images. */
const userIdOfNode = 1000
/** That comes with Node 22's images. */
const npmVersion = '10'

const secrets = {
  REDIS_PASSWORD: randomBytes(24).toString('hex'),
  MYSQL_PASSWORD: randomBytes(24).toString('hex'),
  MYSQL_ROOT_PASSWORD: randomBytes(24).toString('hex'),
}
const compose: Compose = await readCompose(join(project, 'docker-compose.yml'), secrets)
const service = (name: string): Service => {
  const found = compose.services[name]
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}
/** The parts of Holdfast itself. */
const parts = ['migrate', 'api', 'worker']

// For the whole file: a failure here must fail the file, and not only skip the tests of one group.
let folder: string
let image: Image
let database: { url: string; drop(): Promise<void> }
let redis: { port: number; stop(): Promise<void> }
const containers: Container[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-container-'))
  // The unprivileged user must reach what is below.
  await chmod(folder, 0o755)
  const [built, createdDatabase, startedRedis] = await Promise.all([
    build(folder),
    createDatabase(),
    startRedis(folder, service('redis')),
  ])
  image = built
  database = createdDatabase
  redis = startedRedis
}, 240_000)

afterAll(async () => {
  for (const container of containers) await container.end('SIGKILL')
  await redis?.stop()
  await database?.drop()
  await rm(folder, { recursive: true, force: true })
})

describe('the build context', () => {
  it.each(['.env', '.git/config', '.holdfast/redis/password', 'node_modules/a/b.js', 'dist/main.js'])(
    'leaves out %s',
    async (path) => {
      expect(dockerignore(await projectFile('.dockerignore'))(path)).toBe(true)
    },
  )

  it('holds the sources and not what is generated from them', async () => {
    const isIgnored = dockerignore(await projectFile('.dockerignore'))
    expect(isIgnored('src/main.ts')).toBe(false)
    expect(isIgnored('src/ledger/prisma-client/client.ts')).toBe(true)
  })
})

describe('the image', () => {
  /** Runs a part with docker-compose.yml's settings on the test's servers. */
  function run(
    name: string,
    overrides: Record<string, string> = {},
    command: readonly string[] = service(name).command,
  ): Container {
    const { environment } = service(name)
    const redisUrl = new URL(environment.REDIS_URL ?? '')
    redisUrl.hostname = '127.0.0.1'
    redisUrl.port = String(redis.port)
    const servers = { REDIS_URL: redisUrl.href, DATABASE_URL: database.url }
    const container = new Container(image, [...image.entrypoint, ...command], {
      ...environment,
      ...servers,
      ...overrides,
    })
    containers.push(container)
    return container
  }

  /** @returns the status of the image's own health check; 0 is healthy. */
  async function checkHealth(port: number): Promise<number | null> {
    const check = new Container(image, image.healthcheck, { PORT: String(port) })
    return (await check.ended).status
  }

  it('holds what runs and nothing that builds or tests', async () => {
    expect((await readdir(join(image.root, image.workdir))).sort()).toEqual([
      'dist',
      'lua',
      'node_modules',
      'package.json',
      'prisma',
    ])
    const installed = await readdir(join(image.root, image.workdir, 'node_modules'))
    expect(installed).toContain('fastify')
    for (const name of ['typescript', 'prisma', 'vitest', '@biomejs']) expect(installed).not.toContain(name)
  })

  it('is built and run on one version of Node, whose npm is the one used here', async () => {
    const bases = parseDockerfile(await projectFile('Dockerfile'))
      .filter(({ name }) => name === 'FROM')
      .map(({ text }) => text.split(' ')[0])
    expect(new Set(bases)).toEqual(new Set(['node:22-bookworm-slim']))
  })

  it('runs the API by default, as a user who is not root', () => {
    expect(image.command).toEqual(['api'])
    expect(image.user).toBe('node')
  })

  it('migrates, serves once there is an API key, persists and ends at SIGTERM, as docker-compose.yml runs it', async () => {
    const migration = run('migrate')
    expect(await migration.ended, migration.output).toEqual({ status: 0, signal: null })
    expect(migration.output).toMatch(/^Applied \w+/)

    const keyless = run('api')
    expect(await keyless.ended).toEqual({ status: 2, signal: null })
    expect(keyless.output).toBe(
      'HOST 0.0.0.0 is beyond loopback and there is no valid API key: create one with "holdfast keys create".\n',
    )
    const creation = run('worker', {}, ['keys', 'create', '--name', 'shop', '--scopes', 'admin'])
    expect(await creation.ended, creation.output).toEqual({ status: 0, signal: null })
    const apiKey = /^hf_shop_[0-9a-f]{64}$/m.exec(creation.output)?.[0] ?? ''

    const port = await anyFreePort()
    expect(await checkHealth(port)).toBe(1)
    const api = run('api', { PORT: String(port) })
    const workerPort = await anyFreePort()
    const worker = run('worker', { HOLDFAST_WORKER_PORT: String(workerPort) })
    await eventually(async () => (await checkHealth(port)) === 0, 'the API is healthy', 60_000)
    await eventually(async () => (await checkHealth(workerPort)) === 0, 'the worker is healthy', 60_000)

    const call = async (method: string, path: string, body?: object, key = apiKey) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'idempotency-key': `${method} ${path}`.replaceAll(' ', '-'),
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      return { status: answer.status, body: await answer.json() }
    }
    expect(await call('GET', '/readyz')).toMatchObject({
      status: 200,
      body: {
        reasons: [],
        promises: { holdSurvivesRedisCrash: true, confirmSurvivesLossOfEitherStore: true },
      },
    })
    expect((await call('PUT', '/v1/stock/SNEAKER', { onHand: 3 }, 'another')).status).toBe(401)
    expect((await call('PUT', '/v1/stock/SNEAKER', { onHand: 3 })).status).toBe(201)
    const lines = [{ sku: 'SNEAKER', quantity: 2 }]
    const reserved = await call('POST', '/v1/reservations', { customerId: 'customer', lines })
    expect(reserved).toMatchObject({ status: 201, body: { state: 'held', lines } })
    const { id } = reserved.body as { id: string }
    // The worker has written it to MySQL when a confirm is answered 200.
    await eventually(
      async () => (await call('POST', `/v1/reservations/${id}/confirm`, {})).status === 200,
      'the reservation is confirmed and persisted',
    )
    expect((await call('GET', '/v1/stock/SNEAKER')).body).toMatchObject({ available: 1, held: 0, sold: 2 })

    expect(await api.end('SIGTERM'), api.output).toEqual({ status: 0, signal: null })
    expect(await worker.end('SIGTERM'), worker.output).toEqual({ status: 0, signal: null })
    expect(await checkHealth(port)).toBe(1)
  })
})

describe('docker-compose.yml', () => {
  it.each(parts)('gives the %s settings that exist, with values it accepts', (name) => {
    const { environment } = service(name)
    const known = Object.values(settings).map(({ variable }) => variable as string)
    expect(Object.keys(environment).filter((variable) => !known.includes(variable))).toEqual([])
    const config = readConfig({ HOST: '0.0.0.0', ...environment })
    expect(new URL(config.redisUrl)).toMatchObject({ hostname: 'redis', password: secrets.REDIS_PASSWORD })
    const { MYSQL_USER, MYSQL_DATABASE } = service('mysql').environment
    expect(new URL(config.databaseUrl)).toMatchObject({
      hostname: 'mysql',
      username: MYSQL_USER,
      password: secrets.MYSQL_PASSWORD,
      pathname: `/${MYSQL_DATABASE}`,
    })
  })

  it.each(Object.keys(secrets))('starts nothing while %s is not set', async (name) => {
    const file = join(project, 'docker-compose.yml')
    await expect(readCompose(file, { ...secrets, [name]: '' })).rejects.toThrow(`${name}: set ${name}`)
  })

  it('has no secret but those, and writes none down', () => {
    const values = Object.values(compose.services).flatMap(({ environment }) => Object.entries(environment))
    for (const [name, value] of values.filter(([name]) => /PASSWORD|AUTH|KEY|SECRET|TOKEN/.test(name))) {
      expect(Object.values(secrets), name).toContain(value)
    }
  })

  it('runs Redis so that an answered change survives a crash and stock is never evicted', () => {
    const { image, command, volumes } = service('redis')
    expect(image).toMatch(/^redis:7\b/)
    expect(command.slice(0, 1)).toEqual(['redis-server'])
    expect(redisFlags(command)).toMatchObject({
      appendonly: 'yes',
      appendfsync: 'always',
      'maxmemory-policy': 'noeviction',
      maxmemory: expect.stringMatching(/^[1-9]\d*(mb|gb)$/),
      requirepass: secrets.REDIS_PASSWORD,
    })
    expect(volumes).toEqual(['redis-data:/data'])
  })

  it('runs MySQL so that a committed transaction survives a crash', () => {
    const { image, command, volumes } = service('mysql')
    expect(image).toMatch(/^mysql:8\b/)
    expect(command).toEqual(
      expect.arrayContaining([
        '--innodb-flush-log-at-trx-commit=1',
        '--innodb-doublewrite=ON',
        '--sync-binlog=1',
      ]),
    )
    expect(volumes).toEqual(['mysql-data:/var/lib/mysql'])
  })

  it('publishes the API only, on loopback only, at the port that the image listens on', async () => {
    const published = Object.entries(compose.services).flatMap(([name, { ports = [] }]) =>
      ports.map((port) => `${name} ${port}`),
    )
    expect(published).toEqual(['api 127.0.0.1:3000:3000'])
    expect(await projectFile('Dockerfile')).toContain('PORT=3000')
  })

  it('starts the API and the worker on healthy servers and migrated tables', () => {
    expect(service('migrate').depends_on).toEqual({ mysql: { condition: 'service_healthy' } })
    for (const name of ['api', 'worker']) {
      expect(service(name).depends_on).toEqual({
        migrate: { condition: 'service_completed_successfully' },
        redis: { condition: 'service_healthy' },
        mysql: { condition: 'service_healthy' },
      })
    }
    for (const name of ['redis', 'mysql']) expect(service(name).healthcheck?.test?.[0]).toBe('CMD-SHELL')
    // The image's own health check asks the API.
    expect(service('api').healthcheck).toBeUndefined()
    expect(service('migrate').healthcheck).toEqual({ disable: true })
    const { environment, healthcheck } = service('worker')
    expect(healthcheck?.test?.slice(0, 3)).toEqual(['CMD', 'node', '-e'])
    expect(healthcheck?.test?.[3]).toContain(`http://127.0.0.1:${environment.HOLDFAST_WORKER_PORT}/healthz`)
  })

  it('keeps everything running but the migration, which runs once', () => {
    const policies = Object.entries(compose.services).map(([name, { restart }]) => [name, restart])
    expect(Object.fromEntries(policies)).toEqual({
      redis: 'unless-stopped',
      mysql: 'unless-stopped',
      migrate: 'no',
      api: 'unless-stopped',
      worker: 'unless-stopped',
    })
  })

  it.each(parts)('lets the %s finish what it does before it is killed', (name) => {
    const { environment, stop_grace_period, init } = service(name)
    const { shutdownMs } = readConfig({ HOST: '0.0.0.0', ...environment })
    expect(stop_grace_period).toMatch(/^\d+s$/)
    expect(Number.parseInt(stop_grace_period, 10) * 1000).toBeGreaterThan(shutdownMs)
    expect(init).toBe(true)
  })
})

/** A process that stands for a container of an image. */
class Container {
  readonly ended: Promise<{ status: number | null; signal: string | null }>
  output = ''
  private readonly child: ChildProcess

  /** @param environment besides what the image sets; nothing of this machine's. */
  constructor(image: Image, command: readonly string[], environment: Readonly<Record<string, string>>) {
    const [program = '', ...args] = command
    this.child = spawn(program, args, {
      cwd: join(image.root, image.workdir),
      env: { PATH: join(image.root, 'usr/local/bin'), ...image.environment, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Who may not change users runs as himself.
      ...(process.getuid?.() === 0 && { uid: userIdOfNode, gid: userIdOfNode }),
    })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text) => {
        this.output += text
      })
    }
    this.ended = once(this.child, 'close').then(([status, signal]) => ({ status, signal }))
  }

  end(signal: NodeJS.Signals): typeof this.ended {
    this.child.kill(signal)
    return this.ended
  }
}

/** Builds the image, with npm of the version that comes with it. */
async function build(folder: string): Promise<Image> {
  const programs = join(folder, 'programs')
  const context = join(folder, 'stages')
  await Promise.all([programs, context].map((path) => mkdir(path)))
  const tools = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) =>
        /^(HOME|npm_config_\w+|\w+_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i.test(name),
      ),
    ),
    PATH: [join(programs, 'node_modules/.bin'), process.env.PATH].join(delimiter),
    // From this machine's cache where it can; an image that is built has none.
    npm_config_prefer_offline: 'true',
    npm_config_update_notifier: 'false',
  } as Record<string, string>
  await promisify(execFile)('npm', ['install', '--no-save', '--prefix', programs, `npm@${npmVersion}`], {
    env: tools,
  })
  const image = await buildImage({ context: project, folder: context, tools })
  await mkdir(join(image.root, 'usr/local/bin'), { recursive: true })
  await copyFile(process.execPath, join(image.root, 'usr/local/bin/node'))
  return image
}

async function createDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const url = new URL(inject('databaseUrl'))
  const server = openDatabase(url.href, { connectionsMax: 1, connectTimeoutMs: 10_000 })
  const name = `container_${randomBytes(6).toString('hex')}`
  await server.$executeRawUnsafe(`CREATE DATABASE ${name}`)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: async () => {
      await server.$executeRawUnsafe(`DROP DATABASE ${name}`)
      await server.$disconnect()
    },
  }
}

/** Runs Redis with exactly the flags of docker-compose.yml, but for the folder and the port. */
async function startRedis(
  folder: string,
  { command }: Service,
): Promise<{ port: number; stop(): Promise<void> }> {
  const { redis: program } = await findPrograms(thisMachine())
  if (!program) throw new Error('this machine has no Redis')
  const port = await anyFreePort()
  const own = ['--dir', folder, '--port', String(port), '--bind', '127.0.0.1']
  // Redis' one program acts by the name it is called by.
  const child = spawn(program, [...command.slice(1), ...own], { argv0: 'redis-server', stdio: 'pipe' })
  const ended = once(child, 'close')
  let log = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text) => {
      log += text
      if (log.includes('Ready to accept connections')) resolve()
    })
    child.once('close', () => reject(new Error(`Redis ended: ${log}`)))
  })
  return {
    port,
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function redisFlags(command: readonly string[]): Record<string, string> {
  const pairs: [string, string][] = []
  for (let index = 1; index < command.length; index += 2) {
    pairs.push([String(command[index]).replace(/^--/, ''), String(command[index + 1])])
  }
  return Object.fromEntries(pairs)
}
