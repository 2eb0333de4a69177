import { describe, expect, test } from 'vitest'
import { TurnBatcher } from '../../src/stock/turn-batcher.js'

const limits = { callsMax: 10, weightMax: 100, inFlightMax: 1, waitingMax: 1000 }

/** Records the batches it is given; each is answered when the test says so. */
class Recorder {
  readonly batches: number[][] = []
  private readonly open: (() => void)[] = []

  readonly run = async (calls: number[]): Promise<string[]> => {
    this.batches.push(calls)
    await new Promise<void>((resolve) => {
      this.open.push(resolve)
    })
    return calls.map((call) => `reply ${call}`)
  }

  /** Lets the oldest batch under way finish, and what follows from it happen. */
  async finishOne(): Promise<void> {
    this.open.shift()?.()
    await nextTurn()
  }
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))

function addAll(batcher: TurnBatcher<number, string>, calls: readonly number[], weight = 1) {
  return Promise.all(calls.map((call) => batcher.add(call, weight)))
}

describe('a turn batcher', () => {
  test('runs the calls of one turn as one batch, and answers each with its own reply', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, limits)
    const replies = addAll(batcher, [1, 2, 3])
    expect(recorder.batches).toEqual([])
    await nextTurn()
    expect(recorder.batches).toEqual([[1, 2, 3]])
    await recorder.finishOne()
    expect(await replies).toEqual(['reply 1', 'reply 2', 'reply 3'])
  })

  test('gathers what arrives while a batch is under way into the next one', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, limits)
    void addAll(batcher, [1])
    await nextTurn()
    void addAll(batcher, [2])
    await nextTurn()
    void addAll(batcher, [3, 4])
    await nextTurn()
    expect(recorder.batches).toEqual([[1]])
    await recorder.finishOne()
    expect(recorder.batches).toEqual([[1], [2, 3, 4]])
  })

  test('has no more batches under way than it may', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, { ...limits, callsMax: 1, inFlightMax: 2 })
    void addAll(batcher, [1, 2, 3, 4])
    await nextTurn()
    expect(recorder.batches).toEqual([[1], [2]])
    await recorder.finishOne()
    expect(recorder.batches).toEqual([[1], [2], [3]])
  })

  test('cuts a batch at the number of calls, in the order they came', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, { ...limits, callsMax: 2, inFlightMax: 9 })
    void addAll(batcher, [1, 2, 3, 4, 5])
    await nextTurn()
    expect(recorder.batches).toEqual([[1, 2], [3, 4], [5]])
  })

  test('cuts a batch at the weight, and lets a heavier call go alone', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, { ...limits, weightMax: 10, inFlightMax: 9 })
    for (const [call, weight] of [
      [1, 6],
      [2, 4],
      [3, 1],
      [4, 50],
      [5, 10],
      [6, 1],
    ] as const) {
      void batcher.add(call, weight)
    }
    await nextTurn()
    expect(recorder.batches).toEqual([[1, 2], [3], [4], [5], [6]])
  })

  test('is full when as many calls wait as may, and no more once they are under way', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, { ...limits, waitingMax: 2 })
    void addAll(batcher, [1])
    expect(batcher.full).toBe(false)
    void addAll(batcher, [2])
    expect(batcher.full).toBe(true)
    await nextTurn()
    expect(batcher.full).toBe(false)
  })

  test('answers those that wait without running them, and none of those under way', async () => {
    const recorder = new Recorder()
    const batcher = new TurnBatcher(recorder.run, { ...limits, waitingMax: 2 })
    const first = batcher.add(1, 1)
    await nextTurn()
    const waiting = addAll(batcher, [2, 3])
    expect(batcher.full).toBe(true)
    batcher.answerWaiting('not now')
    expect(await waiting).toEqual(['not now', 'not now'])
    expect(batcher.full).toBe(false)
    await recorder.finishOne()
    expect(await first).toBe('reply 1')
    void batcher.add(4, 1)
    await nextTurn()
    expect(recorder.batches).toEqual([[1], [4]])
  })

  test('fails the calls of a failed batch, and serves the next one', async () => {
    let failing = true
    const batcher = new TurnBatcher<number, string>(async (calls) => {
      if (failing) throw new Error('lost')
      return calls.map((call) => `reply ${call}`)
    }, limits)
    const failed = [batcher.add(1, 1), batcher.add(2, 1)]
    for (const call of failed) await expect(call).rejects.toThrow('lost')
    failing = false
    expect(await batcher.add(3, 1)).toBe('reply 3')
  })
})
