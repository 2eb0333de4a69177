import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { sendProblem } from './problem.js'

export interface RateLimitLog {
  warn(fields: object, message: string): void
}

/** What may be counted: the calls of an API key, or the calls to reserve for a customer. */
export type RateLimitName = 'key' | 'customer'

/** The limits that are set. */
export type RateLimits = Partial<Record<RateLimitName, RateLimit>>

/** Outside the stores' own keys: these are no part of any store, and each of them ends with its window. */
const prefix = 'holdfast-rate'
const windowSeconds = 60
/** After a failure, so that a Redis that is slow or away delays few calls. */
const restMs = 1000

/**
 * How often somebody may call in a minute, over all API processes. The minute begins with the first call.
 *
 * It must not become a second way to fail: when Redis cannot count a call, the call is admitted. That
 * is logged and counted, and Redis is left alone for a second. Who is over the limit is remembered here
 * until the minute ends, so that a flood costs Redis nothing.
 */
export class RateLimit {
  /** Calls that were admitted because they could not be counted. */
  uncounted = 0
  private readonly limiter: RateLimiterRedis
  private restsUntilMs = 0

  /** @param redis a connection that soon gives up on an answer. */
  constructor(
    redis: Redis,
    private readonly name: RateLimitName,
    private readonly callsMax: number,
    private readonly log: RateLimitLog,
  ) {
    this.limiter = new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: `${prefix}:${name}`,
      points: callsMax,
      duration: windowSeconds,
      inMemoryBlockOnConsumed: callsMax + 1,
    })
  }

  /**
   * Counts a call, tells in the answer's headers what is left, and refuses it with 429 when it is one
   * too many.
   *
   * @returns false when it was answered.
   */
  async admits(caller: string, reply: FastifyReply): Promise<boolean> {
    const used = await this.count(caller)
    if (!used) return true
    const { isOver, left, resetSeconds } = used
    append(reply, 'ratelimit-policy', `"${this.name}";q=${this.callsMax};w=${windowSeconds}`)
    append(reply, 'ratelimit', `"${this.name}";r=${left};t=${resetSeconds}`)
    if (!isOver) return true
    reply.header('retry-after', resetSeconds)
    const who = this.name === 'key' ? 'This API key may make' : 'This customer may make'
    const what = this.name === 'key' ? 'calls' : 'calls to reserve'
    sendProblem(reply, 'rate-limited', `${who} ${this.callsMax} ${what} in a minute.`)
    return false
  }

  /** @returns undefined when it cannot be counted. */
  private async count(
    caller: string,
  ): Promise<{ isOver: boolean; left: number; resetSeconds: number } | undefined> {
    if (performance.now() < this.restsUntilMs) {
      this.uncounted++
      return undefined
    }
    try {
      return usage(await this.limiter.consume(caller), false)
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return usage(refusal, true)
      this.uncounted++
      if (performance.now() >= this.restsUntilMs) {
        this.restsUntilMs = performance.now() + restMs
        this.log.warn({ err: refusal, limit: this.name }, 'calls cannot be counted and are admitted')
      }
      return undefined
    }
  }
}

/** Counts the calls of each API key, but those that settle a hold: none of them is ever refused for it. */
export function keyLimiter(limit: RateLimit) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const { apiKey } = request
    if (!apiKey || request.routeOptions.config.settles) return undefined
    return (await limit.admits(apiKey.name, reply)) ? undefined : reply
  }
}

function usage({ remainingPoints, msBeforeNext }: RateLimiterRes, isOver: boolean) {
  return { isOver, left: remainingPoints, resetSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)) }
}

/** Both headers are lists: a call may fall under two limits (draft-ietf-httpapi-ratelimit-headers-10). */
function append(reply: FastifyReply, header: string, item: string): void {
  const before = reply.getHeader(header)
  reply.header(header, before === undefined ? item : `${before}, ${item}`)
}
