import { connect } from 'node:net'

export interface RawAnswer {
  status: number
  headers: Map<string, string>
  text: string
}

/** An answer must come within this time; what is not whole is given up by the service before. */
const timeoutMs = 20_000

export interface RawRequest {
  bytes: Buffer
  /** An answer to HEAD has no body. */
  isHead: boolean
  /** Says after the bytes that no more will come, so that what is cut short is not waited for. */
  endsThere: boolean
}

/**
 * Sends bytes as they are over a connection of their own.
 *
 * @returns the answers, in order; none when the service closed the connection without one.
 * @throws Error when neither came in time, or what came is not HTTP.
 */
export async function sendBytes(port: number, request: RawRequest): Promise<RawAnswer[]> {
  const answers: RawAnswer[] = []
  let rest = await exchange(port, request)
  while (rest.length > 0) {
    const { answer, length } = parseAnswer(rest, request.isHead)
    rest = rest.subarray(length)
    // 100 Continue is a promise, not an answer.
    if (answer.status >= 200) answers.push(answer)
  }
  return answers
}

function exchange(port: number, { bytes, endsThere }: RawRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1' })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    socket.on('data', (chunk) => chunks.push(chunk))
    // A service that has answered need not read on: a reset after the answer is no failure.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks))
    })
    if (endsThere) socket.end(bytes)
    else socket.write(bytes)
  })
}

function parseAnswer(bytes: Buffer, isHead: boolean): { answer: RawAnswer; length: number } {
  const end = bytes.indexOf('\r\n\r\n')
  const lines = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/.exec(lines[0] ?? '')?.[1])
  if (end < 0 || Number.isNaN(status)) {
    throw new Error(
      `this is not an answer of HTTP: ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`,
    )
  }
  const headers = new Map<string, string>()
  for (const line of lines.slice(1)) {
    const colon = line.indexOf(':')
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  const start = end + 4
  if (isHead || status < 200 || status === 204 || status === 304) {
    // A request that could not be read was not known to be HEAD: its answer is the last, with its body.
    const isLast = isHead && headers.get('connection') === 'close'
    return { answer: { status, headers, text: '' }, length: isLast ? bytes.length : start }
  }
  const length = headers.get('content-length')
  const stop = length === undefined ? bytes.length : start + Number(length)
  return { answer: { status, headers, text: bytes.subarray(start, stop).toString() }, length: stop }
}
