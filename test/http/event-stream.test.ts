import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { EventStream, unreadBytesMax } from '../../src/http/event-stream.js'
import { eventually } from '../support/test-store.js'

const event = Buffer.from(`data: ${'x'.repeat(64 * 1024)}\n\n`)

test('a client that does not read is cut, before what waits for it takes memory', async () => {
  const app = Fastify()
  const stream = new EventStream(new Set())
  app.get('/', (_request, reply) => reply.header('connection', 'close').send(stream))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: test\r\n\r\n')
  await eventually(() => stream.readableFlowing === true, 'the answer has begun')
  const closed = once(stream, 'close')
  let unreadMax = 0
  // What the kernel takes for it comes first.
  for (let sent = 0; !stream.destroyed && sent < 1000; sent++) {
    stream.send(event)
    unreadMax = Math.max(unreadMax, stream.readableLength)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(stream.destroyed).toBe(true)
  expect(unreadMax).toBeLessThanOrEqual(unreadBytesMax + event.length)
  await closed
  socket.resume()
  await once(socket, 'close')
  // To one that is gone nothing is sent, and nothing fails.
  stream.send(event)
  stream.end()
  await app.close()
})

test('a client that reads is sent everything', async () => {
  const app = Fastify()
  const stream = new EventStream(new Set())
  app.get('/', (_request, reply) => reply.send(stream))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const body = fetch(url).then((response) => response.text())
  await eventually(() => stream.readableFlowing === true, 'the answer has begun')
  for (let i = 0; i < 200; i++) {
    stream.send(event)
    await eventually(() => stream.readableLength === 0, 'it was read')
  }
  stream.end()
  expect((await body).length).toBe(200 * event.length)
  await app.close()
})
