import { connect } from 'node:net'

/** Sends commands, the password's first, to a Redis and returns the replies, flattened. */
export function converse(url: string, ...commands: string[]): Promise<string[]> {
  const { port, password } = new URL(url)
  return speak(Number(port), [...(password ? [`AUTH ${password}`] : []), ...commands]).then((replies) =>
    password ? replies.slice(1) : replies,
  )
}

function speak(port: number, commands: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 5_000 })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('connect', () => socket.write([...commands, 'QUIT', ''].join('\r\n')))
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('timeout', () => socket.destroy(new Error('no answer from Redis')))
    socket.on('error', reject)
    // The last reply is QUIT's.
    socket.on('close', () => resolve(replies(text).slice(0, -1)))
  })
}

/** A bulk string is its value, an array its length followed by its elements. */
function replies(text: string): string[] {
  const lines = text.split('\r\n')
  const found: string[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (line === '') continue
    found.push(/^\$\d/.test(line) ? (lines[++at] ?? '') : line)
  }
  return found
}
