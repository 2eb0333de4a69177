import { type RefusalCode, refusals } from '../../src/domain/outcomes.js'
import type { Contract } from './contract.js'
import type { RawAnswer } from './raw-client.js'
import type { GeneratedRequest } from './requests.js'

/** A stack, a path of ours, or the name of a part that a client knows nothing of. */
const internals =
  /\n\s+at |node_modules|\/src\/|\/dist\/|\.(?:ts|js|lua):\d|user_script|ReplyError|prisma|ioredis|offlineQueue|FST_|HPE_|holdfast:\{/i

/** @returns what is wrong with the answers to a request, a sentence; undefined for nothing. */
export function judge(
  contract: Contract,
  request: GeneratedRequest,
  answers: readonly RawAnswer[],
): string | undefined {
  if (answers.length === 0 && !request.isBroken) return 'it was not answered'
  if (answers.length > 1 && !request.isBroken) return `it has ${answers.length} answers`
  for (const answer of answers) {
    const fault = judgeAnswer(contract, request, answer)
    if (fault) return `${fault}: ${answer.status} ${answer.text.slice(0, 400)}`
  }
  return undefined
}

function judgeAnswer(contract: Contract, request: GeneratedRequest, answer: RawAnswer): string | undefined {
  const { status, headers, text } = answer
  if (status >= 500 && status !== 503) return 'it failed'
  if (internals.test(text)) return 'it shows internals'
  if (headers.has('x-injected') || headers.has('x-powered-by') || headers.has('server')) {
    return `it has the headers ${[...headers.keys()]}`
  }
  const { method = '', target = '' } = request.line ?? {}
  const call = contract.find(method, target)
  const description = call?.answers.get(status)
  if (status < 400) return judgeDone(request, answer, call !== undefined, description?.isDescribed)
  const problem = method === 'HEAD' || request.isHead ? undefined : parse(text)
  // Readiness answers with its report whichever way it is.
  if (status === 503 && description?.isDescribed?.(problem)) return undefined
  if (!headers.get('content-type')?.startsWith('application/problem+json')) return 'it is no problem'
  if (problem === undefined) return request.isHead ? undefined : 'it is no JSON'
  const code = String(problem.type).replace(/^urn:holdfast:/, '')
  const { status: wanted, title } = refusals[code as RefusalCode] ?? {}
  if (wanted !== status || title !== problem.title || problem.status !== status) {
    return 'it is not of the catalogue'
  }
  if (typeof problem.detail !== 'string' || problem.detail === '') return 'it has no detail'
  if (status === 503 && !(Number(headers.get('retry-after')) > 0)) return 'it has no Retry-After'
  // What is broken may be refused before its call is known.
  const isDescribed = call && !request.isBroken ? description?.codes.has(code) : false
  if (isDescribed || contract.codesOfNoCall.has(code)) {
    return call && code === 'not-found' ? 'it is a call of the contract' : undefined
  }
  return request.isBroken ? undefined : `the contract does not name ${code} here`
}

function judgeDone(
  { line, isHead, isBroken }: GeneratedRequest,
  { status, headers, text }: RawAnswer,
  isCall: boolean,
  isDescribed: ((body: unknown) => boolean) | undefined,
): string | undefined {
  if (isBroken) return undefined
  // The page for people and the document itself stand beside the contract; what is no path leads to it.
  if (!isCall)
    return /^(\/(docs|openapi\.json|$|\?|#)|[^/])/.test(line?.target ?? '') ? undefined : 'it is no call'
  if (isHead) return undefined
  const isJson = headers.get('content-type')?.startsWith('application/json')
  if (isJson && !isDescribed?.(parse(text))) return `it is not as the contract describes ${status}`
  return undefined
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
