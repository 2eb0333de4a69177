import { describe } from 'vitest'
import { type Call, controls, expectHarmless, notActors, notNumbers } from '../../support/hostile-calls.js'
import { request, type ScriptStore, scriptTest } from '../../support/script-store.js'

/** A store with a SKU, a held reservation `open` and one that is overdue. */
async function prepare(store: ScriptStore): Promise<void> {
  await store.setStock({ cup: 100, hat: 100 })
  await store.hold('open', 'cup:1', { key: 'open-key' })
  await store.hold('late', 'cup:1')
  await store.makeOverdue('late')
  await store.hold('ended', 'cup:1', { key: 'ended-key' })
  await store.run('release', 'ended')
  await store.adjust('cup', 1, { key: 'adjusted' })
}

const reserve = (lines: string): Call => ['reserve', 'r1', '', request(lines)]

describe('hostile arguments of reserve', () => {
  scriptTest('a quantity that is not a number of the contract', async ({ store }) => {
    await prepare(store)
    const quantities = [...notNumbers, '0', '-1', '1000001', '99999999']
    await expectHarmless(
      store,
      quantities.flatMap((quantity) => [reserve(`cup:${quantity}`), reserve(`hat:1,cup:${quantity}`)]),
    )
  })

  scriptTest('lines that are not SKU:quantity joined by commas', async ({ store }) => {
    await prepare(store)
    const lines = [
      ...['', 'cup', ':1', 'cup:', 'cup:1,', ',cup:1', 'cup:1,,hat:1', 'cup:1;hat:1', 'cup:1 hat:1'],
      ...['cup:1:1', 'cup=1', 'cup:1,cup:1', 'cup:1,hat:1,cup:2', ' cup:1', 'cup :1', 'c up:1', 'cüp:1'],
      ...['cup:1, hat:1', 'cup/:1', 'cup*:1', '%w:1', `${'c'.repeat(65)}:1`, 'cup:1\n', 'cup\0:1', 'cup:1\0'],
      Array.from({ length: 51 }, (_, i) => `sku-${i}:1`).join(','),
    ]
    await expectHarmless(store, lines.map(reserve))
  })

  scriptTest('a time to live that is not a number of the contract', async ({ store }) => {
    await prepare(store)
    const ttls = [...notNumbers, '0', '-1', '86401', '99999', '100000']
    await expectHarmless(
      store,
      ttls.map((ttl) => ['reserve', 'r1', '', request('cup:1', ttl)]),
    )
  })

  scriptTest('control characters in a text, an id or a key', async ({ store }) => {
    await prepare(store)
    await expectHarmless(
      store,
      controls.flatMap((control): Call[] => [
        ['reserve', 'r1', '', request('cup:1', 900, `customer${control}1`)],
        ['reserve', 'r1', '', request('cup:1', 900, 'customer', `order${control}1`)],
        ['reserve', 'r1', `key${control}1`, request('cup:1')],
        ['reserve', `r${control}1`, '', request('cup:1')],
      ]),
    )
  })

  scriptTest('too few or too many fields, or no id', async ({ store }) => {
    await prepare(store)
    await expectHarmless(store, [
      ['reserve', 'r1'],
      ['reserve', 'r1', 'k'],
      ['reserve', 'r1', '', ''],
      ['reserve', 'r1', '', '900'],
      ['reserve', 'r1', '', '900\tcup:1'],
      ['reserve', 'r1', '', '900\tcup:1\tcustomer'],
      ['reserve', 'r1', '', '900\tcup:1\tcustomer\torder\tmore'],
      ['reserve', 'r1', '', '900 cup:1 customer order'],
      ['reserve', 'r1', '', '900,cup:1,customer,order'],
      ['reserve', '', '', request('cup:1')],
      ['reserve', 'r1', '', request('cup:1'), 'r2'],
      ['reserve', 'r1', '', request('cup:1'), 'r2', ''],
    ])
  })
})

describe('hostile arguments of confirm, release and extend', () => {
  scriptTest('a payment with a control character, or an unknown word for a late one', async ({ store }) => {
    await prepare(store)
    await expectHarmless(store, [
      ...controls.map((control): Call => ['confirm', 'open', `pay${control}`, 'refuse']),
      ...['', 'REACQUIRE', 'reacquire ', 'yes'].map((word): Call => ['confirm', 'open', '', word]),
      ['confirm', 'open'],
      ['confirm', 'open', 'pay'],
      ['confirm', 'open', 'pay', 'refuse', 'late'],
    ])
  })

  scriptTest('an id that is none', async ({ store }) => {
    await prepare(store)
    const ids = ['', '*', '\t', '\0', 'open\0', 'OPEN', 'x'.repeat(100_000)]
    const calls = ids.flatMap((id): Call[] => [
      ['confirm', id, '', 'refuse'],
      ['confirm', id, '', 'reacquire'],
      ['release', id],
      ['extend', 86_400_000, id, 60],
    ])
    await expectHarmless(store, calls, /^unknown-reservation$/)
  })

  scriptTest('a time to live that is not a number of the contract', async ({ store }) => {
    await prepare(store)
    const ttls = [...notNumbers, '0', '-1', '86401', '99999', '100000']
    await expectHarmless(store, [
      ...ttls.map((ttl): Call => ['extend', 999_999_999, 'open', ttl]),
      ['extend', 999_999_999, 'open'],
    ])
  })

  scriptTest('a longest hold that is not a whole number', async ({ store }) => {
    await prepare(store)
    await expectHarmless(
      store,
      [...notNumbers, '-1'].map((hold): Call => ['extend', hold, 'open', 1000]),
    )
  })
})

describe('hostile arguments of set and adjust', () => {
  scriptTest('a SKU that is none', async ({ store }) => {
    await prepare(store)
    const skus = ['', ' ', 'c up', 'cup\n', 'cup\0', 'cup:1', 'cup,hat', 'cüp', '../cup', '%']
    await expectHarmless(store, [
      ...skus.flatMap((sku): Call[] => [
        ['set', sku, 1],
        ['adjust', sku, 1, '', '', 60, 1e12],
      ]),
      ['set', 'c'.repeat(65), 1],
    ])
    await expectHarmless(store, [['adjust', 'c'.repeat(65), 1, '', '', 60, 1e12]], /^unknown-sku\t/)
  })

  scriptTest('a count that is not a number of the contract', async ({ store }) => {
    await prepare(store)
    const onHands = [...notNumbers, '-1', '-0', '1000000000001', '9999999999999']
    const quantities = [...notNumbers, '0', '-0', '--1', '-9007199254740993']
    await expectHarmless(store, [
      ...onHands.map((onHand): Call => ['set', 'cup', onHand]),
      ...quantities.map((quantity): Call => ['adjust', 'cup', quantity, '', '', 60, 1e12]),
      ['set', 'cup'],
      ['adjust', 'cup'],
    ])
    await expectHarmless(store, [['adjust', 'cup', 1e12 + 1, '', '', 60, 1e12]], /^count-limit$/)
    await expectHarmless(store, [['adjust', 'cup', -1e12 - 1, '', '', 60, 1e12]], /^insufficient-stock\t/)
  })

  scriptTest('a reason or a key with a control character', async ({ store }) => {
    await prepare(store)
    await expectHarmless(
      store,
      controls.flatMap((control): Call[] => [
        ['adjust', 'cup', 1, `why${control}`, '', 60, 1e12],
        ['adjust', 'cup', 1, '', `key${control}`, 60, 1e12],
      ]),
    )
  })

  scriptTest('an actor that nobody is called', async ({ store }) => {
    await prepare(store)
    await expectHarmless(
      store,
      notActors.flatMap((actor): Call[] => [
        ['set', 'cup', 1, actor],
        ['adjust', 'cup', 1, '', '', 60, 1e12, actor],
      ]),
    )
  })

  scriptTest('a retention or a largest count that is not a whole number', async ({ store }) => {
    await prepare(store)
    await expectHarmless(store, [
      ...[...notNumbers, '0', '-1'].map((retention): Call => ['adjust', 'cup', 1, '', 'k', retention, 1e12]),
      ...[...notNumbers, '-1'].map((largest): Call => ['adjust', 'cup', 1, '', 'k', 60, largest]),
      ['adjust', 'cup', 1, '', 'k'],
      ['adjust', 'cup', 1, '', 'k', 60],
    ])
  })
})

describe('hostile arguments of expire, forget and verify', () => {
  scriptTest('a limit that is not a whole number', async ({ store }) => {
    await prepare(store)
    const limits = [...notNumbers, '-1']
    await expectHarmless(store, [
      ...limits.map((limit): Call => ['expire', limit, 0]),
      ...limits.map((limit): Call => ['forget', 0, 1, 99, limit, 0]),
      ['expire'],
      ['forget', 0, 1, 99],
    ])
  })

  scriptTest('a retention or a watermark that is not a whole number', async ({ store }) => {
    await prepare(store)
    await expectHarmless(
      store,
      [...notNumbers, '-1'].flatMap((hostile): Call[] => [
        ['forget', hostile, 1, 99, 10, 0],
        ['forget', 0, hostile, 99, 10, 0],
        ['forget', 0, 1, hostile, 10, 0],
      ]),
    )
  })

  scriptTest('a watermark that is not a whole number never lifts the fence', async ({ store }) => {
    await prepare(store)
    await store.redis.hset(store.keys.position, 'verified', 'another-server')
    await expectHarmless(
      store,
      [...notNumbers, '-1'].flatMap((hostile): Call[] => [
        ['verify', hostile, 0, 0, 'open', 0, ''],
        ['verify', 1, hostile, 0, 'open', 0, ''],
        ['verify', 1, 0, hostile, 'open', 0, ''],
        ['verify', 1, 0, 0, 'open', hostile, ''],
      ]),
    )
  })
})
