import { expect, test } from 'vitest'
import { WaitingRoom } from '../../src/demo/waiting-room.js'

const stock = (available: number, held: number) => new Map([['A', { available, held, sold: 0 }]])
const cart = (quantity: number) => [{ sku: 'A', quantity }]

test('customers are let in first come first served, two for each unit that came back', async () => {
  const room = new WaitingRoom()
  const entered: number[] = []
  const waits = [1, 2, 3].map((number) =>
    room.wait(cart(1)).then((admitted) => admitted && entered.push(number)),
  )
  room.look(stock(1, 5))
  await Promise.all(waits.slice(0, 2))
  expect(entered).toEqual([1, 2])
})

test('a customer waits while units are held, and goes home when too few can come back', async () => {
  const room = new WaitingRoom()
  const wanting1 = room.wait(cart(1))
  const wanting2 = room.wait(cart(2))
  room.look(stock(0, 1))
  expect(await wanting2).toBe(false)
  room.look(stock(0, 0))
  expect(await wanting1).toBe(false)
})

test('a closed room sends everyone home, those who come later too', async () => {
  const room = new WaitingRoom()
  const waiting = room.wait(cart(1))
  room.close()
  expect(await waiting).toBe(false)
  expect(await room.wait(cart(1))).toBe(false)
})
