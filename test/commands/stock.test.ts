import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { runStock } from '../../src/commands/stock.js'
import { ConfigError } from '../../src/config.js'
import { HoldfastCommand, settingsOf } from '../support/holdfast-command.js'
import { expectInvariants } from '../support/invariants.js'
import { Shopper } from '../support/shopper.js'
import { dumpStore } from '../support/store-dump.js'
import { eventually, openTestStore } from '../support/test-store.js'

// Processes take long to start on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const folder = await mkdtemp(join(tmpdir(), 'holdfast-stock-'))
const store = await openTestStore()
const large = await openTestStore()
const settings = settingsOf(store)
let shopper: Shopper
let files = 0

// Each run in this process listens for signals.
process.setMaxListeners(100)

beforeAll(async () => {
  shopper = new Shopper((await store.api()).app)
  await store.worker()
})

afterAll(() => rm(folder, { recursive: true, force: true }))

interface Run {
  status: number | 'unusable'
  printed: string
}

/** Runs the command here, and tells what it printed and how it would end. */
async function stock(...args: string[]): Promise<Run> {
  const printed: string[] = []
  const out = vi.spyOn(console, 'log').mockImplementation((line) => printed.push(String(line)))
  const err = vi.spyOn(console, 'error').mockImplementation((line) => printed.push(String(line)))
  try {
    return { status: await runStock(store.config, args), printed: printed.join('\n') }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { status: 'unusable', printed: [...printed, error.message].join('\n') }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

async function fileOf(text: string | Buffer): Promise<string> {
  const file = join(folder, `stock-${++files}.csv`)
  await writeFile(file, text)
  return file
}

async function counts(sku: string) {
  const { available, held, sold } = (await shopper.stock(sku)).body
  return { available, held, sold }
}

describe('an import of stock', () => {
  test('sets every SKU of the file, and creates those that are new', async () => {
    await shopper.set('import-a', 3)
    const file = await fileOf('sku,onHand\nimport-a,10\nimport-b,0\n')
    expect(await stock('import', file)).toEqual({
      status: 0,
      printed: '2 lines: 1 SKUs created, 1 set, 0 refused.',
    })
    expect(await counts('import-a')).toEqual({ available: 10, held: 0, sold: 0 })
    expect(await counts('import-b')).toEqual({ available: 0, held: 0, sold: 0 })
  })

  test.for<[what: string, text: string]>([
    ['with CRLF and a byte order mark', '\ufeffsku,onHand\r\nSHAPE,7\r\n'],
    ['with quotes', '"sku","onHand"\n"SHAPE","7"\n'],
    ['without an end of its last line', 'sku,onHand\nSHAPE,7'],
    ['with empty lines', 'sku,onHand\n\nSHAPE,7\n\n'],
    ['with its columns in another order', 'onHand,sku\n7,SHAPE\n'],
    ['with the other columns of an export', 'sku,available,held,sold,onHand\nSHAPE,1,1,1,7\n'],
  ])('takes a file %s', async ([, text]) => {
    await shopper.set('SHAPE', 1)
    expect((await stock('import', await fileOf(text))).status).toBe(0)
    expect(await counts('SHAPE')).toMatchObject({ available: 7 })
  })

  test('lists the lines that the service refuses, and applies the others', async () => {
    await shopper.set('kept', 10)
    await shopper.reserve({ lines: [{ sku: 'kept', quantity: 4 }] })
    const file = await fileOf('sku,onHand\nkept,3\nother,5\n')
    const { status, printed } = await stock('import', file)
    expect(status).toBe(1)
    expect(printed).toContain('line 2: kept was left as it is: onHand 3 is below the 4 units that are held')
    expect(printed).toContain('2 lines: 1 SKUs created, 0 set, 1 refused.')
    expect(await counts('kept')).toEqual({ available: 6, held: 4, sold: 0 })
    expect(await counts('other')).toMatchObject({ available: 5 })
  })

  test('tells with --dry-run what it would do, and does none of it', async () => {
    await shopper.set('same', 5)
    await shopper.set('changed', 5)
    await shopper.set('held', 5)
    await shopper.reserve({ lines: [{ sku: 'held', quantity: 2 }] })
    const before = await dumpStore(store.redis, store.name)
    const file = await fileOf('sku,onHand\nsame,5\nchanged,6\nheld,1\ndry-new,1\n')
    const { status, printed } = await stock('import', file, '--dry-run')
    expect(status).toBe(1)
    expect(printed).toContain('line 4: held was left as it is: onHand 1 is below the 2 units that are held')
    expect(printed).toContain('4 lines: 1 SKUs would be created, 1 changed, 1 refused, 1 are so already.')
    expect((await dumpStore(store.redis, store.name))[store.keys.stock]).toEqual(before[store.keys.stock])
    expect((await shopper.stock('dry-new')).status).toBe(404)
  })

  test('can be killed at any moment and run again', async () => {
    const total = 20_000
    const rows = Array.from({ length: total }, (_, i) => `many-${i},${i}\n`)
    const file = await fileOf(`sku,onHand\n${rows.join('')}`)
    const begun = async () => (await large.redis.hexists(large.keys.stock, 'many-500')) === 1
    const first = new HoldfastCommand(['stock', 'import', file], settingsOf(large))
    await eventually(begun, 'some are set', 30_000)
    expect(await first.kill('SIGKILL')).toBe('SIGKILL')
    expect(await large.redis.hexists(large.keys.stock, `many-${total - 1}`)).toBe(0)
    const second = new HoldfastCommand(['stock', 'import', file], settingsOf(large))
    expect([await second.ended, second.stderr]).toEqual([0, ''])
    expect(second.stdout).toMatch(/^20000 lines: \d+ SKUs created, \d+ set, 0 refused\.\n$/)
    await large.worker()
    const { redis } = await expectInvariants(large)
    const wanted = Array.from({ length: total }, (_, i) => [`many-${i}`, i] as const)
    expect(new Map([...redis.counts].map(([sku, { available }]) => [sku, available]))).toEqual(
      new Map(wanted),
    )
  })
})

describe('a file that cannot be used', () => {
  let before: unknown

  beforeEach(async () => {
    before = (await dumpStore(store.redis, store.name))[store.keys.stock]
    return async () => expect((await dumpStore(store.redis, store.name))[store.keys.stock]).toEqual(before)
  })

  const long = 'x'.repeat(65)
  test.for<[what: string, line: string, sentence: string]>([
    ['a SKU with a space', 'a b,1', 'sku "a b" is not 1 to 64 characters of A-Z a-z 0-9 . _ -'],
    ['no SKU', ',1', 'sku "" is not 1 to 64'],
    ['a long SKU', `${long},1`, `sku "${long}" is not 1 to 64`],
    ['a SKU that is no UTF-8', '\ud800,1', 'sku "�" is not 1 to 64'],
    ['a control character', '"\u001b[31m",1', 'sku "\\u001b[31m" is not 1 to 64'],
    ['a text for a count', 'bad,ten', 'onHand "ten" is not a whole number from 0 to 1000000000000'],
    ['a negative count', 'bad,-1', 'onHand "-1" is not a whole number'],
    ['a fraction', 'bad,1.5', 'onHand "1.5" is not a whole number'],
    ['a power', 'bad,1e3', 'onHand "1e3" is not a whole number'],
    ['a count that is too large', 'bad,1000000000001', 'onHand "1000000000001" is not a whole number'],
    ['no count', 'bad,', 'onHand "" is not a whole number'],
    ['a field too few', 'bad', 'it has 1 fields, and the header 2'],
    ['a field too many', 'bad,1,2', 'it has 3 fields, and the header 2'],
    ['a SKU of an earlier line', 'good,2', 'sku "good" is on line 2 already'],
    ['a quote inside a field', 'b"ad,1', 'a quote stands inside a field'],
    ['a quote that is not closed', '"bad,1', 'a quote is opened and not closed'],
  ])('is refused with the line and what it is, for %s', async ([, line, sentence]) => {
    const file = await fileOf(`sku,onHand\ngood,1\n${line}\n`)
    const { status, printed } = await stock('import', file)
    expect(status).toBe('unusable')
    expect(printed).toContain(`${file}:`)
    expect(printed).toMatch(/:[34]: /)
    expect(printed).toContain(sentence)
    expect(printed).toMatch(/1 line of .* cannot be used\. Nothing was set\.$/)
  })

  test('has each of its bad lines listed, up to a hundred', async () => {
    const file = await fileOf(`sku,onHand\n${'a b,1\n'.repeat(250)}`)
    const { printed } = await stock('import', file)
    expect(printed.split('\n')).toHaveLength(101)
    expect(printed).toContain(`${file}:101: `)
    expect(printed).toContain(`250 lines of ${file} cannot be used. The first 100 are listed.`)
  })

  test('is given up where a quote swallows the rest of it', async () => {
    const file = await fileOf(`sku,onHand\n"bad,1\n${'good,1\n'.repeat(100_000)}`)
    expect((await stock('import', file)).printed).toContain('it is longer than 4096 bytes')
  })

  test.for([
    ['', 'is empty'],
    ['sku\nA\n', 'must have the column onHand once, not 0 times'],
    ['sku,onhand\nA,1\n', 'has the column "onhand"'],
    ['sku,onHand,price\nA,1,2\n', 'has the column "price"'],
    ['sku,sku,onHand\nA,A,1\n', 'must have the column sku once, not 2 times'],
    ['A,1\n', 'has the column "A", "1"'],
  ] as const)('is refused for its header: %j', async ([text, sentence]) => {
    const { status, printed } = await stock('import', await fileOf(text))
    expect([status, printed]).toEqual(['unusable', expect.stringContaining(sentence)])
  })

  test('is refused when it is not there, or is no file', async () => {
    for (const path of [join(folder, 'no-such.csv'), folder]) {
      const { status, printed } = await stock('import', path)
      expect([status, printed]).toEqual(['unusable', expect.stringContaining(`${path} cannot be read`)])
    }
  })
})

describe('an export of stock', () => {
  test('can be imported again, which changes nothing', async () => {
    await shopper.set('round-trip', 9)
    await shopper.reserve({ lines: [{ sku: 'round-trip', quantity: 2 }] })
    const file = join(folder, 'export.csv')
    expect((await stock('export', '--file', file)).status).toBe(0)
    const text = await readFile(file, 'utf8')
    expect(text).toMatch(/^sku,available,held,sold,onHand\r\n/)
    expect(text).toContain('\r\nround-trip,7,2,0,9\r\n')
    const position = await store.redis.hgetall(store.keys.position)
    expect((await stock('import', file)).status).toBe(0)
    expect(await store.redis.hgetall(store.keys.position)).toEqual(position)
  })

  test('goes to standard output, with nothing else there', async () => {
    const command = new HoldfastCommand(['stock', 'export', '--store', store.name], settings)
    expect(await command.ended).toBe(0)
    const lines = command.stdout.split('\r\n')
    expect(lines[0]).toBe('sku,available,held,sold,onHand')
    expect(lines.at(-1)).toBe('')
    const skus = lines.slice(1, -1).map((line) => line.split(',')[0])
    expect(skus).toEqual(await store.redis.zrange(store.keys.skus, 0, '-1'))
    expect(command.stderr).toBe(`${skus.length} SKUs were exported.\n`)
  })

  test('leaves no part of a file that cannot be written', async () => {
    const { status, printed } = await stock('export', '--file', join(folder, 'no-such', 'file.csv'))
    expect([status, printed]).toEqual([1, expect.stringContaining('The stock was not exported')])
  })
})

test.for([
  [[], 'holdfast stock export'],
  [['list'], 'holdfast stock export'],
  [['import'], 'holdfast stock import FILE'],
  [['import', 'a.csv', 'b.csv'], 'holdfast stock import FILE'],
  [['export', 'a.csv'], 'holdfast stock export [--file FILE]'],
  [['export', '--dry-run'], 'holdfast stock export'],
  [['export', '--force'], "Unknown option '--force'"],
  [['export', '--store', 'nowhere'], '--store must be one of HOLDFAST_STORES'],
] as const)('arguments that cannot be used are refused: %j', async ([args, sentence]) => {
  const { status, printed } = await stock(...args)
  expect([status, printed]).toEqual(['unusable', expect.stringContaining(sentence)])
})

test('tables that nobody has made are named, with what makes them', async () => {
  const name = `${store.name.replace('-', '_')}_bare`
  await store.database.$executeRawUnsafe(`CREATE DATABASE ${name}`)
  const bare = new URL(store.config.databaseUrl)
  bare.pathname = `/${name}`
  const command = new HoldfastCommand(['stock', 'export'], {
    ...settings,
    DATABASE_URL: bare.href,
    HOLDFAST_STORES: `${store.name}-bare`,
  })
  expect(await command.ended).toBe(1)
  expect(command.stderr).toBe(
    `The store ${store.name}-bare is fenced: the tables in MySQL are missing or of an older version: run "holdfast migrate". Nothing was done.\n`,
  )
  await store.database.$executeRawUnsafe(`DROP DATABASE ${name}`)
})
