/** As much of an OpenAPI document as the tests of every call read. */
export interface Description {
  paths: Record<string, Record<string, Operation>>
}

export interface Operation {
  parameters?: { name: string; in: string; schema: Schema }[]
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> }
  responses: Record<string, { content?: Record<string, unknown> }>
  security?: Record<string, string[]>[]
}

interface Schema {
  type?: string
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  minItems?: number
  minimum?: number
  enum?: unknown[]
  examples?: unknown[]
}

/** A value that a schema takes: its example, or the least there can be. */
export function sampleOf(schema: Schema): unknown {
  const [example] = schema.examples ?? schema.enum ?? []
  if (example !== undefined) return example
  switch (schema.type) {
    case 'object': {
      const required = schema.required ?? []
      return Object.fromEntries(required.map((name) => [name, sampleOf(schema.properties?.[name] ?? {})]))
    }
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => sampleOf(schema.items ?? {}))
    case 'integer':
      return schema.minimum ?? 1
    case 'boolean':
      return true
    default:
      return '1'
  }
}

/** The body that an operation takes; undefined when it takes none. */
export function sampleBody({ requestBody }: Operation): unknown {
  const schema = requestBody?.content['application/json']?.schema
  return schema && sampleOf(schema)
}
