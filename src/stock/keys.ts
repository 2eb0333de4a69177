/** The Redis keys of a store. They share a hash tag, so that a cluster keeps them in one slot. */
export function storeKeys(store: string) {
  const prefix = `holdfast:{${store}}:`
  return {
    /**
     * Hash: `epoch` and `sequence` of the newest entry; `generation`, how many takeovers its data
     * knows of; `verified`, the server the fence is lifted for; `history`, that server and its replication id
     * when it was opened; `opening`, the generation and the server it was about to be opened for; `turned`, when
     * that server was a replica since; `superseded`, when another one took over; `restoring`, the epoch of a restore
     * under way; `corrected` and `correctedBy`, the sequence of the newest correction and the run that made it.
     */
    position: `${prefix}position`,
    /** Hash: SKU -> `available held sold`. */
    stock: `${prefix}stock`,
    /** Sorted set of every SKU with score 0: the order in which stock is listed. */
    skus: `${prefix}skus`,
    /** Hash: id -> record (domain/reservation.ts). */
    reservations: `${prefix}reservations`,
    /** Sorted set: id of a held reservation -> its deadline in ms. */
    deadlines: `${prefix}deadlines`,
    /** Sorted set: id of an ended reservation -> when it ended, in ms. */
    finished: `${prefix}finished`,
    /** Hash: idempotency key -> id of the reservation it made. */
    keys: `${prefix}keys`,
    /** Stream of ledger entries that MySQL does not hold yet. */
    ledger: `${prefix}ledger`,
    /**
     * String and channel: `server position`, up to which MySQL holds everything of that server; followed by
     * the position before the first entry of the quarantine while there is one.
     */
    watermark: `${prefix}watermark`,
    /** Channel: somebody waits for the watermark. */
    wanted: `${prefix}wanted`,
    /** Channel: how many holds an API process has refused since it said so last. */
    refusals: `${prefix}refusals`,
    /** Channel: which ledger entries are traced. */
    traced: `${prefix}traced`,
    /** String: the lease of the ledger writer that is at work. */
    writer: `${prefix}writer`,
    /** String: the lease of the process that restores the store from MySQL. */
    restorer: `${prefix}restorer`,
    /** String: the lease of the run that compares the store with MySQL. */
    reconciler: `${prefix}reconciler`,
    /** String with a time to live: what an adjustment did under its idempotency key. */
    adjustment: (idempotencyKey: string) => `${prefix}adjustment:${idempotencyKey}`,
    /** String: what MySQL said last of the API keys, for an API that starts while it is away. */
    apiKeys: `${prefix}apiKeys`,
    /** The prefix of BullMQ's keys. */
    jobs: `${prefix}jobs`,
  }
}

export type StoreKeys = ReturnType<typeof storeKeys>
