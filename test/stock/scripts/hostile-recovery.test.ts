import { describe, expect } from 'vitest'
import { loadScript, runScript, scriptKeys } from '../../../src/stock/scripts.js'
import { type Call, controls, expectHarmless, notActors, notNumbers } from '../../support/hostile-calls.js'
import { type ScriptStore, scriptTest } from '../../support/script-store.js'

/** A store with two SKUs and a reservation in each state, and where its ledger ends. */
async function prepare(store: ScriptStore): Promise<number> {
  await store.setStock({ cup: 100, hat: 100 })
  await store.hold('open', 'cup:1', { key: 'open-key' })
  await store.hold('ended', 'hat:2', { key: 'ended-key' })
  await store.run('release', 'ended')
  await store.adjust('cup', 1, { key: 'adjusted' })
  return Number(await store.redis.hget(store.keys.position, 'sequence'))
}

/** Each of the values in place of the argument at `at` of a good call. */
function inPlace(good: Call, at: number, values: readonly (string | number)[]): Call[] {
  return values.map((value) => good.with(at + 1, value) as Call)
}

/** The good call with each number of its last arguments left out. */
function cutShort(good: Call, least: number): Call[] {
  return Array.from({ length: good.length - 1 - least }, (_, i) => good.slice(0, least + 1 + i) as Call)
}

const around = (text: string) => controls.map((control) => `${text}${control}x`)
/** Longer than 15 digits, which a double may round. */
const tooLong = '1'.repeat(16)

describe('hostile arguments of survey', () => {
  scriptTest('words that it does not know, counts and cursors that are none', async ({ store }) => {
    await prepare(store)
    await expectHarmless(store, [
      ...['', 'keys', 'STOCK', 'stock ', 'ledger', '__index'].flatMap((what): Call[] => [
        ['survey', what, 'scan', 0, 10],
        ['survey', what, 'names', 'cup'],
        ['survey', what],
      ]),
      ...['', 'all', 'SCAN', 'scan '].map((source): Call => ['survey', 'stock', source, 0, 10]),
      ...['deadlines', 'finished'].flatMap((what): Call[] => [
        ['survey', what, 'names', 'open'],
        ['survey', what, 'missing', 'open'],
        ['survey', what, 'ids', 0, 10],
      ]),
      ['survey', 'stock', 'ids', 0, 10],
      ['survey', 'reservations', 'scan', 0, 10],
      ['survey', 'reservations', 'missing', 'open'],
      ['survey', 'stock', 'unlike', 'cup', '1 0 0'],
      ['survey', 'deadlines', 'unlike', 'open', 'held'],
      ['survey', 'reservations', 'unlike', 'open'],
      ...(
        [
          ['stock', 'scan'],
          ['reservations', 'ids'],
          ['deadlines', 'scan'],
          ['finished', 'scan'],
        ] as const
      ).flatMap(([what, source]) => [
        ...inPlace(['survey', what, source, 0, 10], 2, ['nan', '-1', '1e3', '0x10', ' 1', '1\n', '', 'ten']),
        ...inPlace(['survey', what, source, 0, 10], 3, [...notNumbers, '-1', '0']),
        ...cutShort(['survey', what, source, 0, 10], 1),
      ]),
      ['survey', 'sizes', 'scan', 0, 10],
      ['survey'],
    ])
  })

  scriptTest('names of nothing, however they look', async ({ store }) => {
    await prepare(store)
    const before = await store.dump()
    const names = ['', '*', '%', 'cup\0', ...around('cup'), 'x'.repeat(100_000)]
    for (const what of ['stock', 'reservations']) {
      const width = what === 'stock' ? 3 : 5
      const [, , ...values] = await store.run('survey', what, 'names', ...names)
      expect(values).toEqual(names.flatMap((name) => [name, ...Array(width - 1).fill('')]))
    }
    expect(await store.dump()).toEqual(before)
  })
})

describe('hostile arguments of correct', () => {
  scriptTest('are refused, each alone', async ({ store }) => {
    const at = await prepare(store)
    // Redis holds 100 1 0 and an adjustment: the ledger is said to have two more.
    const good: Call = ['correct', 'run-1', 1, at, 'cup', '100 1 0', '102 1 0', 'two were found']
    const counts = notNumbers.flatMap((each) => [`${each} 1 0`, `102 ${each} 0`, `102 1 ${each}`])
    await expectHarmless(store, [
      ...inPlace(good, 0, ['', 'x'.repeat(65), ...around('run')]),
      ...inPlace(good, 1, [...notNumbers, '-1', tooLong]),
      ...inPlace(good, 2, [...notNumbers, '-1', tooLong]),
      ...inPlace(good, 3, ['', ' ', 'c up', 'cüp', 'cup:1', 'cup,hat', 'c'.repeat(65), ...around('cup')]),
      ...inPlace(good, 5, [
        ...counts,
        '',
        '102 1',
        '102 1 0 0',
        ' 102 1 0',
        '102  1 0',
        '-01 1 0',
        '--1 1 0',
        '102 -1 0',
        '102,1,0',
      ]),
      ...inPlace(good, 5, [`${tooLong} 1 0`, `102 1 ${tooLong}`, ...around('102 1 0')]),
      ...inPlace(good, 6, ['x'.repeat(201), ...around('two were found')]),
      ...notActors.map((actor) => [...good, actor] as Call),
      ...cutShort(good, 0),
    ])
    await expectHarmless(store, inPlace(good, 4, ['nan 1 0', ' 100 1 0', '100 1']), /^changed-since$/)
    await expectHarmless(store, inPlace(good, 4, ['100 3 0']), /^would-be-negative$/)
    await expectHarmless(store, inPlace(good, 1, [2, 0]), /^outdated$/)
    expect(await store.run(...good, 'cli:admin')).toEqual(['corrected\t0'])
    expect((await store.texts()).at(-1)).toMatch(/; before this entry 100 1 0\t\tcli:admin$/)
    expect(await store.counts('cup')).toBe('102 1 0')
  })
})

describe('hostile arguments of mend', () => {
  const fields = [
    ...['held', '1-3', '1700000000000', '1700000900000', '', '', '', 'open-key'],
    ...['900', 'cup:1', 'customer-1', ''],
  ]
  const truth = (changes: Record<number, string> = {}) =>
    fields.map((field, i) => changes[i] ?? field).join('\t')

  scriptTest('are refused, each alone', async ({ store }) => {
    const at = await prepare(store)
    const seen = (await store.redis.hget(store.keys.reservations, 'open')) ?? ''
    const good: Call = ['mend', 'run-1', 1, at, 'open', seen, truth(), 'its deadline was changed']
    const ended = { 4: '1700000000500' }
    const records = [
      ...['stolen', 'HELD', '', 'held '].map((state) => truth({ 0: state })),
      ...['stolen', 'HELD', ''].map((state) => truth({ ...ended, 0: state })),
      // Open with an end, and ended without one.
      truth(ended),
      truth({ 0: 'released' }),
      ...[...notNumbers, '-1', tooLong].flatMap((number) => [
        truth({ 2: number }),
        truth({ 3: number }),
        truth({ 8: number }),
        ...(number === '' ? [] : [truth({ 0: 'released', 4: number })]),
      ]),
      ...[...notNumbers, '0', '-1', '1000001'].map((quantity) => truth({ 9: `cup:${quantity}` })),
      ...['', 'cup', 'cup:1,', 'cup:1,cup:2', 'cup:1 hat:1', 'c up:1'].map((lines) => truth({ 9: lines })),
      ...['2', 'yes', ' '].map((reacquired) => truth({ 5: reacquired })),
      ...[6, 7, 10, 11].flatMap((field) => around('text').map((text) => truth({ [field]: text }))),
      ...['1', '1-', '-3', 'a-3'].map((position) => truth({ 1: position })),
      fields.slice(0, 11).join('\t'),
      'held',
    ].filter((record) => record !== truth())
    await expectHarmless(store, [
      ...inPlace(good, 0, ['', 'x'.repeat(65), ...around('run')]),
      ...inPlace(good, 1, [...notNumbers, '-1', tooLong]),
      ...inPlace(good, 2, [...notNumbers, '-1', tooLong]),
      ...inPlace(good, 5, [...records, '']),
      ...inPlace(good, 6, ['x'.repeat(201), ...around('its deadline was changed')]),
      ...notActors.map((actor) => [...good, actor] as Call),
      ...cutShort(good, 0),
    ])
    const ids = ['', ...around('open')]
    await expectHarmless(store, inPlace(good.with(5, '') as Call, 3, ids))
    await expectHarmless(
      store,
      inPlace(good.with(5, '') as Call, 3, ids).map((call) => call.with(6, '') as Call),
    )
    await expectHarmless(store, inPlace(good, 4, ['', `${seen} `, 'held']), /^changed-since$/)
    await expectHarmless(store, inPlace(good, 1, [2, 0]), /^outdated$/)
    await expectHarmless(store, inPlace(good, 5, [truth({ 9: 'fez:1' })]), /^unknown-sku$/)
    expect(await store.run(...good, 'shop')).toEqual(['mended'])
    expect((await store.texts()).at(-1)).toMatch(/\tits deadline was changed\tshop$/)
    expect(await store.redis.zscore(store.keys.deadlines, 'open')).toBe('1700000900000')
  })
})

describe('hostile arguments of verify', () => {
  scriptTest('a word that is neither look nor open', async ({ store }) => {
    await prepare(store)
    await store.redis.hset(store.keys.position, 'verified', 'another-server')
    const words = ['', 'OPEN', 'open ', 'yes', '1', ...around('open')]
    await expectHarmless(store, [
      ...inPlace(['verify', 1, 0, 0, 'open', 0, ''], 3, words),
      ...cutShort(['verify', 1, 0, 0, 'open', 0, ''], 0),
    ])
  })
})

describe('hostile arguments of clear, restore and open', () => {
  const record = ['released', '1-3', '1700000000000', '1700000900000', '1700000000500', '', '', 'key-1']
    .concat('900', 'cup:1', 'customer-1', '')
    .join('\t')
  const stock = ['stock', 'cup', '99 1 0', '', '']
  const reservation = ['released', 'r1', record, '1700000000500', 'key-1']
  /** A good part with a row after it. */
  const part = (...row: (string | number)[]): Call => ['restore', 2, ...stock, ...reservation, ...row]

  scriptTest('an epoch that is none drops nothing, and neither does an old one', async ({ store }) => {
    await prepare(store)
    await expectHarmless(store, [
      ...[...notNumbers, '-1', tooLong].map((epoch): Call => ['clear', epoch]),
      ['clear'],
    ])
    await expectHarmless(
      store,
      [
        ['clear', 0],
        ['clear', 1],
      ],
      /^superseded$/,
    )
  })

  scriptTest('a part with a malformed row is not written at all', async ({ store }) => {
    await prepare(store)
    expect(await store.run('clear', 2)).toEqual(['cleared'])
    const counts = notNumbers
      .filter((each) => each !== '01')
      .flatMap((n) => [`${n} 1 0`, `1 ${n} 0`, `1 1 ${n}`])
    const bad = (at: number, values: readonly (string | number)[]) =>
      values.map((value) => part(...reservation.with(at, String(value))))
    const field = (at: number, value: string) => record.split('\t').with(at, value).join('\t')
    await expectHarmless(store, [
      ...[...counts, '', '1 1', '1 1 1 1', '-1 1 0', `${tooLong} 1 0`].map((text) =>
        part('stock', 'hat', text, '', ''),
      ),
      ...['', ' ', 'h at', 'hät', 'hat:1', 'h'.repeat(65), ...around('hat')].map((sku) =>
        part('stock', sku, '1 1 0', '', ''),
      ),
      ...bad(0, ['', 'STOCK', 'held', 'confirmed', 'stolen', 'adjustments']),
      ...bad(1, ['', ...around('r1')]),
      ...bad(2, [
        '',
        'released',
        record.slice(0, -1),
        `${record}\t`,
        field(0, 'stolen'),
        field(9, 'cup:nan'),
      ]),
      ...bad(
        2,
        [2, 3, 4, 8].flatMap((at) => ['nan', '1e3', tooLong].map((number) => field(at, number))),
      ),
      ...bad(
        2,
        [6, 7, 10, 11].flatMap((at) => ['\n', '\0', '\x1b'].map((control) => field(at, `a${control}`))),
      ),
      ...bad(3, [...notNumbers, '-1', tooLong]),
      ...bad(4, around('key')),
      // Rows that are not whole, and an adjustment without a key of its own.
      part('stock'),
      part('stock', 'hat', '1 1 0', ''),
      part(...reservation.slice(0, 4)),
      part('adjustment', '', 'cup\t1\t', '60000', ''),
      ['restore'],
    ])
    await expectHarmless(
      store,
      ['1', '3', '02', ' 2', '2.0', '', 'nan'].map((epoch): Call => ['restore', epoch, ...stock]),
      /^superseded$/,
    )
    expect(await store.run(...part(...stock.with(1, 'hat')))).toEqual(['restored'])
    expect(await store.counts('hat')).toBe('99 1 0')
  })

  scriptTest('an adjustment that is malformed is not remembered, and none forgotten', async ({ store }) => {
    await prepare(store)
    expect(await store.run('clear', 2)).toEqual(['cleared'])
    const [known, other] = [store.keys.adjustment('adjusted'), store.keys.adjustment('other')]
    const write = (keys: string[], ...rows: (string | number)[]) =>
      runScript(
        store.redis,
        loadScript('restore'),
        [...scriptKeys.restore.map((key) => store.keys[key]), ...keys],
        [store.server, 2, ...rows],
      )
    const before = await store.dump()
    const good = ['adjustment', '', 'cup\t1\twhy', '60000', '']
    for (const rows of [
      ...['nan', '1e3', '', '--1', tooLong].map((n) => good.with(2, `cup\t${n}\twhy`)),
      ...['cup', 'cup\t1', 'c up\t1\t', 'cup\t1\twhy\tmore', 'cup\t1\twhy\n'].map((text) =>
        good.with(2, text),
      ),
      ...[...notNumbers, '-1', '0', tooLong].map((ttl) => good.with(3, ttl)),
    ]) {
      const forget = ['adjustment', '', '', '0', '']
      await expect(write([known, other], ...forget, ...rows), JSON.stringify(rows)).rejects.toThrow()
      expect(await store.dump(), JSON.stringify(rows)).toEqual(before)
    }
    await expect(write([known, other], ...good)).rejects.toThrow(/each adjustment has its key/)
    expect(await write([known, other], 'adjustment', '', '', '0', '', ...good)).toEqual(['restored'])
    expect([await store.redis.get(known), await store.redis.get(other)]).toEqual([null, 'cup\t1\twhy'])
  })

  scriptTest('a position or a generation that is none opens nothing', async ({ store }) => {
    await prepare(store)
    expect(await store.run('clear', 2)).toEqual(['cleared'])
    await store.redis.set(store.keys.restorer, 'process-1')
    const good: Call = ['open', 2, 5, 1, 'process-1']
    await expectHarmless(store, [
      ...inPlace(good, 0, [...notNumbers, '-1', tooLong]),
      ...inPlace(good, 1, [...notNumbers, '-1', tooLong]),
      ...inPlace(good, 2, [...notNumbers, '-1', tooLong]),
      ...cutShort(good.slice(0, 4) as Call, 0),
    ])
    await expectHarmless(store, inPlace(good, 0, [0, 1, 3]), /^superseded$/)
    await expectHarmless(store, inPlace(good, 3, ['', 'process-2', 'process-1 ']), /^superseded$/)
    expect(await store.run(...good)).toEqual(['opened'])
  })
})
