import { Counter, type Registry } from 'prom-client'
import { type Count, Counts, type Distribution, Distributions, durationBounds } from './tally.js'

/** What tells how many calls a rate limit has admitted without counting them. */
type Uncounted = Readonly<Record<string, { readonly uncounted: number }>>

/** The figures of what listens for HTTP. */
export class HttpMetrics {
  private readonly requests: Counts
  private readonly durations: Distributions
  /** Calls refused for overload before anything of them was read. */
  readonly shedCalls: Count
  /** Connections closed at once. */
  readonly droppedConnections: Count

  constructor(private readonly registry: Registry) {
    this.requests = new Counts(
      registry,
      'holdfast_http_requests_total',
      'Calls answered, by method, route and status.',
    )
    this.durations = new Distributions(
      registry,
      'holdfast_http_request_duration_seconds',
      'From the arrival of a call to the end of its answer, by method, route and class of its status.',
      durationBounds,
    )
    this.shedCalls = new Counts(
      registry,
      'holdfast_calls_shed_total',
      'Calls refused because the process or Redis lagged.',
    ).child()
    this.droppedConnections = new Counts(
      registry,
      'holdfast_connections_dropped_total',
      'Connections closed at once because there were too many.',
    ).child()
  }

  /** @param route the route's pattern, never a path: labels are bounded by what the service has. */
  route(method: string, route: string): RouteMetrics {
    return new RouteMetrics(
      (status) => this.requests.child({ method, route, status: String(status) }),
      (status_class) => this.durations.child({ method, route, status_class }),
    )
  }

  /** Tells how many calls the limits have admitted without counting them. */
  watchRateLimits(limits: Uncounted): void {
    new Counter({
      name: 'holdfast_calls_uncounted_total',
      help: 'Calls admitted by a rate limit because Redis could not count them.',
      labelNames: ['limit'] as const,
      registers: [this.registry],
      collect() {
        this.reset()
        for (const [limit, { uncounted }] of Object.entries(limits)) this.inc({ limit }, uncounted)
      },
    })
  }
}

/** The figures of one route. */
export class RouteMetrics {
  private readonly counts = new Map<number, Count>()
  private readonly durations = new Map<number, Distribution>()

  constructor(
    private readonly openCount: (status: number) => Count,
    private readonly openDurations: (statusClass: string) => Distribution,
  ) {}

  answered(status: number, ms: number): void {
    let count = this.counts.get(status)
    if (!count) {
      count = this.openCount(status)
      this.counts.set(status, count)
    }
    count.add()
    const hundred = Math.floor(status / 100)
    let durations = this.durations.get(hundred)
    if (!durations) {
      durations = this.openDurations(`${hundred}xx`)
      this.durations.set(hundred, durations)
    }
    durations.add(ms / 1000)
  }
}
