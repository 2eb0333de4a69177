import type { FastifyInstance, InjectOptions } from 'fastify'
import { expect } from 'vitest'
import { type RefusalCode, refusals } from '../../src/domain/outcomes.js'

/** A JSON body, with the fields that tests follow from one call to the next. */
export interface Body {
  [field: string]: unknown
  id: string
  state: string
  items: Body[]
  nextCursor: string | null
}

export interface Answer {
  status: number
  headers: Record<string, unknown>
  body: Body
  text: string
}

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH' | 'HEAD'

/**
 * Calls the API as a client does. Of every answer it checks what holds for all of them: its status
 * is in the API's own description, a refusal is a problem of the catalogue, and nothing internal
 * shows.
 */
export class HttpClient {
  constructor(
    readonly app: FastifyInstance,
    private readonly standardHeaders: Readonly<Record<string, string>> = {},
  ) {}

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send({ method: 'GET', url: path, headers })
  }

  put(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.sendJson('PUT', path, body, headers)
  }

  /** @param body undefined: none is sent. */
  post(path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.sendJson('POST', path, body, headers)
  }

  sendJson(method: Method, path: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
    if (body === undefined) return this.send({ method, url: path, headers })
    return this.send({
      method,
      url: path,
      headers: { 'content-type': 'application/json', ...headers },
      payload: JSON.stringify(body),
    })
  }

  async send(options: InjectOptions): Promise<Answer> {
    const response = await this.app.inject({
      ...options,
      headers: { ...this.standardHeaders, ...options.headers },
    })
    const isJson = String(response.headers['content-type']).includes('json')
    const answer: Answer = {
      status: response.statusCode,
      headers: response.headers,
      body: (isJson && response.body !== '' ? response.json() : {}) as Body,
      text: response.body,
    }
    const what = `${options.method} ${String(options.url).slice(0, 200)} answered ${answer.status} ${answer.text}`
    // Readiness answers with its report whichever way it is.
    if (answer.status >= 400 && options.url !== '/readyz') expectCatalogued(answer, what)
    expect(answer.text, what).not.toMatch(internals)
    await this.expectDescribed(String(options.method), String(options.url), answer.status, what)
    return answer
  }

  /** An unknown path or method has no description; everything else must have one for its status. */
  private async expectDescribed(method: string, url: string, status: number, what: string): Promise<void> {
    const path = url.split('?', 1)[0] as string
    for (const [call, { pattern, statuses }] of await describedCalls(this.app)) {
      if (call.startsWith(`${method} `) && pattern.test(path)) {
        expect([...statuses], `${what}, which ${call} does not describe`).toContain(status)
        return
      }
    }
  }
}

/** A stack, a path of ours, or the name of a part that a client knows nothing of. */
const internals =
  /\n\s+at |node_modules|\/src\/|\.(?:ts|js|lua):\d|user_script|ReplyError|prisma|ioredis|offlineQueue|FST_|holdfast:\{/i

function expectCatalogued(answer: Answer, what: string): void {
  expect(answer.headers['content-type'], what).toMatch(/^application\/problem\+json/)
  const { type, title, status, detail } = answer.body
  const code = String(type).replace(/^urn:holdfast:/, '') as RefusalCode
  expect(type, what).toBe(`urn:holdfast:${code}`)
  expect(Object.keys(refusals), what).toContain(code)
  expect({ status, title }, what).toEqual(refusals[code])
  expect(answer.status, what).toBe(status)
  expect(typeof detail, what).toBe('string')
  expect(detail, what).not.toBe('')
  if (answer.status === 503 || answer.status === 429)
    expect(Number(answer.headers['retry-after']), what).toBeGreaterThan(0)
}

type DescribedCalls = Map<string, { pattern: RegExp; statuses: Set<number> }>

/** Read once of each app: it is a large document, which many calls at once would otherwise ask for. */
const described = new WeakMap<FastifyInstance, Promise<DescribedCalls>>()

function describedCalls(app: FastifyInstance): Promise<DescribedCalls> {
  const known = described.get(app) ?? readDescribedCalls(app)
  described.set(app, known)
  return known
}

async function readDescribedCalls(app: FastifyInstance): Promise<DescribedCalls> {
  const calls: DescribedCalls = new Map()
  const { paths } = (await app.inject('/openapi.json')).json() as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  }
  for (const [path, methods] of Object.entries(paths)) {
    const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`)
    for (const [method, { responses }] of Object.entries(methods)) {
      const statuses = new Set(Object.keys(responses).map(Number))
      calls.set(`${method.toUpperCase()} ${path}`, { pattern, statuses })
    }
  }
  return calls
}

/** Asserts that an answer is this refusal of the catalogue, with these fields beside the usual ones. */
export function expectProblem(
  answer: Answer,
  code: RefusalCode,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  const { type, title: _title, status: _status, detail: _detail, ...rest } = answer.body
  expect(type, answer.text).toBe(`urn:holdfast:${code}`)
  expect(answer.status).toBe(refusals[code].status)
  expect(rest).toEqual(fields)
}
