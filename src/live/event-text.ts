/** An event as `text/event-stream` has it, written once for all who get it. */
export function eventText(name: string, data: unknown): Buffer {
  return rawEventText(name, JSON.stringify(data))
}

/** @param json on one line. */
export function rawEventText(name: string, json: string): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${json}\n\n`)
}

/** Says nothing, so that a proxy between does not take a quiet stream for a dead one. */
export const heartbeatText = Buffer.from(':\n\n')
