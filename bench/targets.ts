import { type Peer, peers } from './peers.js'
import { type Measured, medianOf, medianOfPairs, type Results } from './results.js'
import { isOversold, type Sample } from './sample.js'

export interface TargetCheck {
  figure: string
  target: string
  value: number | undefined
  met: boolean | undefined
}

/** The figures the project has promised itself, from the medians of a run. */
export function checkTargets(results: Results): TargetCheck[] {
  const find = (name: string) => results.samples.find((measured) => measured.name === name)
  const hot = find('hot-sku')
  const ofBare = (name: string) => medianOf(find(name), (sample) => sample.ofBare)
  const overBest = (candidates: readonly Measured<Sample>[]) => {
    const honest = candidates.filter(
      ({ passes }) => !passes.some(({ oversell }) => oversell && isOversold(oversell)),
    )
    const times = honest.map((peer) =>
      medianOfPairs(hot, peer, (ours, theirs) => ours.ofBare / theirs.ofBare),
    )
    const known = times.filter((time) => time !== undefined)
    return known.length === 0 ? undefined : Math.min(...known)
  }
  const measuredPeers = results.samples.filter(({ group }) => group === 'peer')
  const peersThat = (has: (peer: Peer) => boolean) => {
    const names = new Set(peers.filter(has).map(({ name }) => name))
    return measuredPeers.filter(({ name }) => names.has(name))
  }
  const cpuTimes = medianOf(hot, ({ cpuMs, bare }) => ((cpuMs.api ?? 0) + (cpuMs.redis ?? 0)) / bare.apiCpuMs)
  const redisTimes = medianOfPairs(
    hot,
    find('bare-script'),
    (ours, bare) => (ours.cpuMs.redis ?? 0) / (bare.cpuMs.redis ?? 0),
  )
  const overload = medianOfPairs(
    find('overload'),
    hot,
    (a, b) => (a.accepted.p99 ?? 0) / (b.accepted.p99 ?? 0),
  )
  return [
    atLeast('hot-sku over bare', ofBare('hot-sku'), 0.45),
    atLeast('hot-sku over bare, worker paused', ofBare('hot-sku-paused'), 0.55),
    atLeast('hot-sku over bare, 8 times the connections, worker paused', ofBare('hot-sku-512'), 0.7),
    atMost('CPU of API and Redis a hold over that of bare a request', cpuTimes, 2),
    atLeast('sold-out refusals over bare', ofBare('sold-out'), 0.85),
    atLeast('hot-sku over the best peer that does not oversell', overBest(measuredPeers), 6),
    atLeast(
      'the same, of those that answer once a database holds it',
      overBest(peersThat((peer) => !peer.needs.includes('redis'))),
      6,
    ),
    atLeast(
      'hot-sku over the best peer that uses Prisma',
      overBest(peersThat((peer) => peer.usesPrisma === true)),
      20,
    ),
    atMost(
      'hot-sku p99 over that of bare',
      medianOf(hot, ({ accepted, bare }) => (accepted.p99 ?? Number.NaN) / bare.p99),
      2.5,
    ),
    atMost('overload p99 of accepted over hot-sku, at 10 times the connections', overload, 10),
    atMost(
      'overload answers that are neither yes nor a definite no',
      medianOf(find('overload'), ({ broken }) => broken),
      0,
    ),
    atMost('Redis CPU a hold over that of the bare reserve script', redisTimes, 1.5),
  ].filter((check) => check.value !== undefined)
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
