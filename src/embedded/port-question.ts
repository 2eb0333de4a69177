import { connect } from 'node:net'

/**
 * Connects to a loopback port, says something and returns the first bytes that `enough` accepts.
 * Undefined when nothing (or not enough) answers within the time.
 */
export function askPort(o: {
  port: number
  say?: string
  enough: (answer: Buffer) => boolean
  timeoutMs: number
}): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: o.port })
    let answer = Buffer.alloc(0)
    const finish = (result: Buffer | undefined) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(finish, o.timeoutMs, undefined)
    socket.on('connect', () => o.say && socket.write(o.say))
    socket.on('error', () => finish(undefined))
    socket.on('close', () => finish(undefined))
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk])
      if (o.enough(answer)) finish(answer)
    })
  })
}
