import { Compile } from 'typebox/schema'

/** A part of a JSON Schema, as far as the API's own document goes. */
export interface Schema {
  type?: string
  pattern?: string
  format?: string
  enum?: unknown[]
  anyOf?: Schema[]
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required: boolean
  schema: Schema
}

/** A call as the document describes it. */
export interface Call {
  method: string
  path: string
  parameters: Parameter[]
  body: Schema | undefined
  /** Whether a call without a body is one. */
  bodyRequired: boolean
  answers: Map<number, AnswerDescription>
}

export interface AnswerDescription {
  /** The codes of the refusals that are shown with this status. */
  codes: Set<string>
  /** Whether a JSON body is as described; undefined for what is not JSON. */
  isDescribed: ((body: unknown) => boolean) | undefined
}

export interface Contract {
  calls: Call[]
  /** What is answered to a request that is none of the calls. */
  codesOfNoCall: Set<string>
  /** @returns undefined for a path or method that the document does not know. */
  find(method: string, target: string): Call | undefined
}

interface Document {
  info: { description: string }
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: Parameter[]
        requestBody?: { required: boolean; content: Record<string, { schema: Schema }> }
        responses: Record<
          string,
          { content?: Record<string, { schema: object; examples?: Record<string, unknown> }> }
        >
      }
    >
  >
}

/** Reads the contract from the service itself. */
export async function readContract(url: string): Promise<Contract> {
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { parameters = [], requestBody, responses }]): Call => ({
        method: method.toUpperCase(),
        path,
        parameters,
        body: requestBody?.content['application/json']?.schema,
        bodyRequired: requestBody?.required ?? false,
        answers: new Map(
          Object.entries(responses).map(([status, { content = {} }]) => {
            const { schema } = content['application/json'] ?? {}
            const validator = schema && Compile(schema)
            const codes = Object.keys(content['application/problem+json']?.examples ?? {})
            const isDescribed = validator && ((body: unknown) => validator.Check(body))
            return [Number(status), { codes: new Set(codes), isDescribed }] as const
          }),
        ),
      }),
    ),
  )
  const patterns = calls.map((call) => {
    const pattern = call.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]*')
    return { call, pattern: new RegExp(`^${pattern}$`) }
  })
  return {
    calls,
    codesOfNoCall: new Set(
      [...document.info.description.matchAll(/`([a-z-]+)`: /g)].map((match) => match[1] as string),
    ),
    find: (method, target) => {
      // A target in absolute form names the same path (RFC 9112, section 3.2.2).
      const path = target.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] as string
      const wanted = method === 'HEAD' ? 'GET' : method
      return patterns.find(({ call, pattern }) => call.method === wanted && pattern.test(path))?.call
    },
  }
}
