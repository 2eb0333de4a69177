import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ConfigError, isLoopback, readConfig, settings } from '../src/config.js'

/** The message that the settings are refused with; fails when they are taken. */
function refusalOf(environment: Record<string, string>): string {
  try {
    readConfig(environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  throw new Error(`${JSON.stringify(environment)} was taken`)
}

const numbers = Object.values(settings)
  .filter((setting) => /^\d+$/.test(setting.standard))
  .map(({ variable }) => variable)
const notNumbers = [
  '-1',
  '1.5',
  '1e3',
  '0x10',
  'ten',
  ' 1',
  '1 ',
  'NaN',
  '+1',
  '1,000',
  '9007199254740993',
  '1\n',
]

describe('a setting that cannot be used', () => {
  test.for([
    ...numbers.map((variable) => [variable, notNumbers] as const),
    ['REDIS_URL', ['localhost', 'http://localhost', 'redis', '//host', 'mysql://host', '6379']],
    ['DATABASE_URL', ['localhost', 'http://localhost', 'postgres://host', 'redis://host', '3306']],
    ['DATABASE_URL', ['mysql://db/x?sslmode=require', 'mysql://db/x?ssl=yes', 'mysql://db/x?ssl=true&a=1']],
    ['DATABASE_URL', ['mysql://u:50%@db/x', 'mysql://u:%zz@db/x', 'mysql://u:%ff@db/x']],
    [
      'DATABASE_URL',
      ['mysql://db/x?ssl=false&ssl=true', 'mysql://db/x#?ssl=true', 'mysql://db/x?toString=1'],
    ],
    ['HOLDFAST_STORES', [',', 'a b', 'a,,b', 'a/b', 'a{b}', 'ä', 'x'.repeat(65), 'main,']],
    ['LOG_LEVEL', ['loud', 'INFO', 'info ', '30']],
  ] as const)('%s is refused in one sentence that names it', ([variable, values]) => {
    const other = variable === 'REDIS_URL' ? { DATABASE_URL: 'mysql://db/x' } : { REDIS_URL: 'redis://cache' }
    const rest = /_URL$/.test(variable) ? other : {}
    for (const value of values) {
      const message = refusalOf({ ...rest, [variable]: value })
      expect(message).toContain(variable)
      expect(message.trimEnd()).toMatch(/^[A-Z][\s\S]*\.$/)
      expect(message).not.toMatch(/[.!?] [A-Z]/)
    }
  })

  test.for(numbers)(
    '%s is refused beyond the range that its sentence names, and taken at its ends',
    (variable) => {
      const [, min, max] = /from (\d+) to (\d+)/.exec(refusalOf({ [variable]: 'x' })) ?? []
      expect(refusalOf({ [variable]: String(Number(max) + 1) })).toContain(variable)
      if (min !== '0') expect(refusalOf({ [variable]: String(Number(min) - 1) })).toContain(variable)
      const rest: Record<string, string> = { HOLDFAST_TTL_SECONDS: '1' }
      readConfig({ ...rest, [variable]: min })
      if (variable !== 'HOLDFAST_TTL_SECONDS') readConfig({ ...rest, [variable]: max })
    },
  )

  test('is refused together with another that it does not fit', () => {
    for (const given of [{ REDIS_URL: 'redis://cache' }, { DATABASE_URL: 'mysql://db/x' }]) {
      expect(refusalOf(given)).toMatch(/REDIS_URL and DATABASE_URL/)
    }
    expect(refusalOf({ HOLDFAST_TTL_SECONDS: '61', HOLDFAST_HOLD_SECONDS_MAX: '60' })).toMatch(
      /HOLDFAST_TTL_SECONDS .* HOLDFAST_HOLD_SECONDS_MAX/,
    )
  })

  test('never shows a password', () => {
    const message = refusalOf({ DATABASE_URL: 'postgres://root:secret@db/x', REDIS_URL: 'redis://cache' })
    expect(message).not.toContain('secret')
  })
})

describe('settings that can be used', () => {
  test('are the defaults when nothing is set, also when it is set to nothing', () => {
    const empty = Object.fromEntries(Object.values(settings).map(({ variable }) => [variable, '']))
    expect(readConfig(empty)).toEqual(readConfig({}))
    expect(readConfig({})).toMatchObject({ host: '127.0.0.1', port: 3000, stores: ['main'] })
  })

  test('are read from the environment', () => {
    const config = readConfig({
      HOST: '0.0.0.0',
      PORT: '0',
      REDIS_URL: 'rediss://user:p%40ss@cache:6380/1',
      DATABASE_URL: 'mariadb://db/shop',
      HOLDFAST_STORES: 'eu, us ,eu',
      LOG_LEVEL: 'silent',
    })
    expect(config).toMatchObject({
      host: '0.0.0.0',
      port: 0,
      stores: ['eu', 'us'],
    })
  })

  test('tell whether only this machine reaches the service', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1'])
      expect(isLoopback(host), host).toBe(true)
    const beyond = ['0.0.0.0', '::', '192.168.1.5', 'example.org', '127.0.0.1.example.org', '1270.0.0.1']
    for (const host of beyond) expect(isLoopback(host), host).toBe(false)
  })
})

test("the README's table of settings says what the code does, in its order", () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const table = /^\| variable \| default \| meaning \|\n\| [-: |]+\n((?:\|.*\n)+)/m.exec(readme)?.[1] ?? ''
  const rows = table
    .trimEnd()
    .split('\n')
    .map((row) => row.slice(2, -2).split(' | '))
  const expected = Object.values(settings).map(({ variable, standard, description }) => [
    `\`${variable}\``,
    standard === '' ? '—' : `\`${standard}\``,
    description,
  ])
  expect(rows).toEqual(expected)
})
