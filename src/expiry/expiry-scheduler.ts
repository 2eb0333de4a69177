import type { Queue } from 'bullmq'

/**
 * Has the expirer woken when reservations are due: one delayed job for each bucket of deadlines.
 *
 * One job a reservation would cost more than the reservation itself. Job ids make the bucket's job
 * one among all processes; what this process scheduled it also remembers, so that a busy bucket is
 * one call to BullMQ. A job that is lost costs lateness, nothing else: the sweep finds what is due.
 */
export class ExpiryScheduler {
  private readonly scheduled = new Set<number>()
  private readonly adding = new Set<Promise<void>>()

  constructor(
    private readonly queue: Queue,
    private readonly bucketMs: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** @param nowMs and @param expiresAtMs by Redis' clock, whatever this machine's says. */
  schedule(nowMs: number, expiresAtMs: number): void {
    const dueMs = Math.ceil(expiresAtMs / this.bucketMs) * this.bucketMs
    if (this.scheduled.has(dueMs)) return
    if (this.scheduled.size >= scheduledMax) this.scheduled.clear()
    this.scheduled.add(dueMs)
    const adding = this.add(dueMs, dueMs - nowMs).finally(() => this.adding.delete(adding))
    this.adding.add(adding)
  }

  /** Resolves when every job asked for is in Redis. */
  async close(): Promise<void> {
    await Promise.all(this.adding)
    await this.queue.close()
  }

  private async add(dueMs: number, delayMs: number): Promise<void> {
    try {
      await this.queue.add('expire', {}, { jobId: `due-${dueMs}`, delay: delayMs })
    } catch (error) {
      this.scheduled.delete(dueMs)
      this.onError(error)
    }
  }
}

/** Buckets remembered before they are all forgotten: a day of them at four a second. */
const scheduledMax = 345_600
