import { type Peer, peers } from './peers.js'
import { type Measured, medianOf, medianOfPairs, type Results, worstOf } from './results.js'
import { isOversold, type Sample } from './sample.js'

export interface TargetCheck {
  figure: string
  target: string
  /** Undefined: not measured. */
  value: number | undefined
  met: boolean | undefined
}

/**
 * The figures the project has promised itself, from the medians of a run. Figures of two steps of a
 * pass are each first taken over the API's CPU of the `bare` beside it: minutes lie between them, and
 * a slow phase of the machine shows there as it does in them.
 */
export function checkTargets(results: Results): TargetCheck[] {
  const find = (name: string) => results.samples.find((measured) => measured.name === name)
  const hot = find('hot-sku')
  const ofBare = (name: string) => medianOf(find(name), (sample) => sample.ofBare)
  const overBest = (isMeant: (peer: Peer) => boolean) => {
    const names = new Set(peers.filter(isMeant).map(({ name }) => name))
    const meant = results.samples.filter((measured) => names.has(measured.name) && !hasOversold(measured))
    const times = meant.map((peer) => medianOfPairs(hot, peer, (ours, theirs) => ours.ofBare / theirs.ofBare))
    const known = times.filter((time) => time !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }
  const cpuOf = ({ cpuMs }: Sample, name: string) => cpuMs[name] ?? Number.NaN
  const scaled = (figure: number | undefined, { bare }: Sample) => (figure ?? Number.NaN) / bare.apiCpuMs
  return [
    atLeast('hot-sku over bare', ofBare('hot-sku'), 0.45),
    atLeast('hot-sku over bare, worker paused', ofBare('hot-sku-paused'), 0.55),
    atLeast('hot-sku over bare, 8 times the connections, worker paused', ofBare('hot-sku-512'), 0.7),
    atMost(
      'CPU of API and Redis a hold over that of bare a request',
      medianOf(hot, (ours) => scaled(cpuOf(ours, 'api') + cpuOf(ours, 'redis'), ours)),
      2,
    ),
    atLeast('sold-out refusals over bare', ofBare('sold-out'), 0.85),
    atLeast(
      'hot-sku over the best peer that does not oversell',
      overBest(() => true),
      6,
    ),
    atLeast(
      'for comparison: over the best that answers once a database holds it',
      overBest((peer) => !peer.needs.includes('redis')),
      6,
    ),
    atLeast(
      'hot-sku over the best peer that uses Prisma',
      overBest((peer) => peer.usesPrisma === true),
      20,
    ),
    atMost(
      'hot-sku p99 over that of bare',
      medianOf(hot, ({ accepted, bare }) => (accepted.p99 ?? Number.NaN) / bare.p99),
      2.5,
    ),
    atMost(
      'overload p99 of accepted over hot-sku, at 10 times the connections',
      medianOfPairs(find('overload'), hot, (a, b) => scaled(a.accepted.p99, a) / scaled(b.accepted.p99, b)),
      10,
    ),
    atMost(
      'overload requests without an answer, or with one that is neither yes nor a 503 with Retry-After',
      worstOf(find('overload'), ({ broken }) => broken),
      0,
    ),
    atMost(
      'Redis CPU a hold over that of the bare reserve script',
      medianOfPairs(
        hot,
        find('bare-script'),
        (a, b) => scaled(cpuOf(a, 'redis'), a) / scaled(cpuOf(b, 'redis'), b),
      ),
      1.5,
    ),
  ]
}

export function hasOversold({ passes }: Measured<Sample>): boolean {
  return passes.some(({ oversell }) => oversell && isOversold(oversell))
}

export function atLeast(figure: string, value: number | undefined, target: number): TargetCheck {
  return {
    figure,
    target: `at least ${target}`,
    value,
    met: value === undefined ? undefined : value >= target,
  }
}

export function atMost(figure: string, value: number | undefined, target: number): TargetCheck {
  return {
    figure,
    target: `at most ${target}`,
    value,
    met: value === undefined ? undefined : value <= target,
  }
}
