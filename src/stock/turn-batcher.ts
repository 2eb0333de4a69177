import type { GatePassage } from './gate-observer.js'

/**
 * Collects the calls of one turn of the event loop and has them run as one batch.
 *
 * At most `inFlightMax` batches are under way; calls that arrive meanwhile wait and make the next
 * batch larger, so that batches grow under load and a quiet service answers without delay.
 */
export class TurnBatcher<Call, Reply> {
  private waiting: Waiting<Call, Reply>[] = []
  private weight = 0
  private inFlight = 0
  private scheduled = false

  constructor(
    private readonly run: (calls: Call[]) => Promise<Reply[]>,
    private readonly limits: {
      /** Calls in a batch. */
      callsMax: number
      /** Weight of a batch: a single call may exceed it. */
      weightMax: number
      /** Batches under way. */
      inFlightMax: number
      /** Calls that wait; one more is refused. */
      waitingMax: number
    },
  ) {}

  /** Whether one more call would be refused. */
  get full(): boolean {
    return this.waiting.length >= this.limits.waitingMax
  }

  /** How many calls wait for a batch. */
  get size(): number {
    return this.waiting.length
  }

  /**
   * @param weight the call's share of `weightMax`, its number of lines, say.
   * @param passage told when the call's batch was begun and answered.
   */
  add(call: Call, weight: number, passage?: GatePassage): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ call, weight, passage, resolve, reject })
      this.weight += weight
      if (!this.scheduled) {
        this.scheduled = true
        setImmediate(() => {
          this.scheduled = false
          this.flush()
        })
      }
    })
  }

  /** Answers every call that waits with this; none of them is begun. */
  answerWaiting(reply: Reply): void {
    const { waiting } = this
    this.waiting = []
    this.weight = 0
    for (const { resolve } of waiting) resolve(reply)
  }

  private flush(): void {
    while (this.waiting.length > 0 && this.inFlight < this.limits.inFlightMax) {
      void this.runBatch(this.take())
    }
  }

  private take(): Waiting<Call, Reply>[] {
    const { callsMax, weightMax } = this.limits
    if (this.waiting.length <= callsMax && this.weight <= weightMax) {
      const all = this.waiting
      this.waiting = []
      this.weight = 0
      return all
    }
    let count = 0
    let weight = 0
    for (const waiting of this.waiting) {
      if (count === callsMax || (count > 0 && weight + waiting.weight > weightMax)) break
      count++
      weight += waiting.weight
    }
    this.weight -= weight
    return this.waiting.splice(0, count)
  }

  private async runBatch(batch: Waiting<Call, Reply>[]): Promise<void> {
    this.inFlight++
    const sentMs = performance.now()
    try {
      const replies = await this.run(batch.map((waiting) => waiting.call))
      notePassage(batch, sentMs)
      for (let i = 0; i < batch.length; i++) {
        batch[i]?.resolve(replies[i] as Reply)
      }
    } catch (error) {
      notePassage(batch, sentMs)
      for (const waiting of batch) waiting.reject(error)
    } finally {
      this.inFlight--
      this.flush()
    }
  }
}

function notePassage(batch: readonly { passage: GatePassage | undefined }[], sentMs: number): void {
  const answeredMs = performance.now()
  for (const { passage } of batch) {
    if (!passage) continue
    passage.sentMs = sentMs
    passage.answeredMs = answeredMs
    passage.calls = batch.length
  }
}

interface Waiting<Call, Reply> {
  call: Call
  weight: number
  passage: GatePassage | undefined
  resolve: (reply: Reply) => void
  reject: (error: unknown) => void
}
