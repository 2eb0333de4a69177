import { Compile } from 'typebox/schema'
import { describe, expect, test } from 'vitest'
import { type RefusalCode, refusals } from '../../src/domain/outcomes.js'
import { openTestStore } from '../support/test-store.js'

interface Media {
  schema: object
  example?: unknown
  examples?: Record<string, { value: unknown }>
}

interface Answer {
  description: string
  headers?: Record<string, { schema: { examples?: unknown[] }; description?: string }>
  content?: Record<string, Media>
}

interface Parameter extends Media {
  name: string
  in: string
  description?: string
}

interface Call {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  parameters?: Parameter[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, Answer>
}

const store = await openTestStore()
const { app } = await store.api()
const { paths } = (await app.inject('/openapi.json')).json() as {
  paths: Record<string, Record<string, Call>>
}
const calls = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, call]) => [`${method.toUpperCase()} ${path}`, call] as const),
)

/** The examples of a body, an answer or a parameter; each must be one of its schema. */
function examplesOf(media: Media, what: string): unknown[] {
  const examples = Object.values(media.examples ?? {}).map(({ value }) => value)
  if ('example' in media) examples.push(media.example)
  expect(examples.length, `${what} has no example`).toBeGreaterThan(0)
  const validator = Compile(media.schema)
  for (const example of examples) {
    const [, errors] = validator.Errors(example)
    expect(errors, `${what} is shown as ${JSON.stringify(example)}`).toEqual([])
  }
  return examples
}

/** The codes that a description names. */
function codesIn(description: string): string[] {
  return [...description.matchAll(/`([a-z-]+)`: /g)].map((match) => match[1] as string)
}

describe.for(calls)('the description of %s', ([what, call]) => {
  test('says what the call does, in a line and in more', () => {
    expect(call.operationId).toMatch(/^[a-z][A-Za-z]+$/)
    expect(call.summary).toMatch(/^[A-Z].*[^.]$/)
    expect(call.description).toMatch(/^[\s\S]{20,}\.$/)
    expect(call.tags).toHaveLength(1)
  })

  test('explains and shows every parameter', () => {
    for (const parameter of call.parameters ?? []) {
      expect(parameter.description, `${parameter.name} is not explained`).toBeTruthy()
      examplesOf(parameter, `${what}, ${parameter.in} ${parameter.name}`)
    }
  })

  test('shows its body', () => {
    for (const [type, media] of Object.entries(call.requestBody?.content ?? {})) {
      examplesOf(media, `${what}, body ${type}`)
    }
  })

  test('explains and shows every answer and its headers', () => {
    for (const [status, { description, content = {}, headers = {} }] of Object.entries(call.responses)) {
      expect(description, `${what} ${status}`).not.toMatch(/^(Default Response)?$/)
      expect(Object.keys(content).length, `${what} ${status} has no content`).toBeGreaterThan(0)
      for (const [type, media] of Object.entries(content)) examplesOf(media, `${what} ${status} ${type}`)
      for (const [name, header] of Object.entries(headers)) {
        expect(header.schema.examples, `${what} ${status}, header ${name}`).toHaveLength(1)
        expect(header.description, `${what} ${status}, header ${name}`).toBeTruthy()
      }
    }
  })

  test('shows every refusal that it names, as the catalogue has it, and no other', () => {
    for (const [status, { description, content = {} }] of Object.entries(call.responses)) {
      const problems = content['application/problem+json']
      if (Number(status) < 400 || !problems) {
        expect(codesIn(description), `${what} ${status}`).toEqual([])
        continue
      }
      const shown = examplesOf(problems, `${what} ${status}`) as { type: string; title: string }[]
      expect(codesIn(description)).toEqual(Object.keys(problems.examples ?? {}))
      expect(shown).toEqual(
        codesIn(description).map((code) =>
          expect.objectContaining({ type: `urn:holdfast:${code}`, ...refusals[code as RefusalCode] }),
        ),
      )
      expect(new Set(shown.map((problem) => (problem as { status?: number }).status))).toEqual(
        new Set([Number(status)]),
      )
    }
  })
})

test('no two calls have one name', () => {
  const names = calls.map(([, { operationId }]) => operationId)
  expect(new Set(names).size).toBe(names.length)
})
