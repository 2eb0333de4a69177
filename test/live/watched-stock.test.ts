import { expect, test } from 'vitest'
import { WatchedStock } from '../../src/live/watched-stock.js'

const counts = (available: number) => ({ available, held: 0, sold: 0 })
const at = (sequence: number, epoch = 1) => ({ epoch, sequence })

test('the newer counts of a SKU win, in whatever order they come', () => {
  const stock = new WatchedStock()
  stock.watch(['cup'])
  stock.set('cup', counts(5), at(7))
  stock.set('cup', counts(6), at(6))
  expect(JSON.parse(stock.text('cup') as string)).toMatchObject({ available: 5 })
  stock.set('cup', counts(4), at(1, 2))
  expect(JSON.parse(stock.text('cup') as string)).toMatchObject({ available: 4 })
})

test('a SKU is watched for as long as anybody watches it', () => {
  const stock = new WatchedStock()
  stock.watch(['cup', 'hat'])
  stock.watch(['cup'])
  stock.unwatch(['cup', 'hat'])
  expect([stock.has('cup'), stock.has('hat')]).toEqual([true, false])
  stock.set('hat', counts(1), at(1))
  expect(stock.text('hat')).toBeUndefined()
  stock.unwatch(['cup'])
  expect([stock.has('cup'), stock.wanted]).toEqual([false, []])
})

test('only what is another text than before has changed', () => {
  const stock = new WatchedStock()
  stock.watch(['cup', 'hat'])
  expect(stock.wanted).toEqual(['cup', 'hat'])
  stock.set('cup', counts(5), at(1))
  stock.set('hat', undefined, at(1))
  expect([stock.knows(['cup', 'hat']), stock.wanted]).toEqual([true, []])
  expect([...stock.takeChanged()]).toEqual(['cup'])
  stock.distrust()
  expect(stock.wanted).toEqual(['cup', 'hat'])
  stock.set('cup', counts(5), at(9))
  expect([...stock.takeChanged()]).toEqual([])
  stock.forget()
  expect(stock.knows(['cup'])).toBe(false)
  stock.set('cup', counts(5), at(2))
  expect([...stock.takeChanged()]).toEqual(['cup'])
})
