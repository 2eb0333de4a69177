import type { Patch } from './stage/product-copy.js'

/** A deliberate defect of the built product, and where the suite has to notice it. */
export interface Mutant {
  name: string
  /** A sentence for the table in docs/faults.md. */
  defect: string
  patches: readonly Patch[]
  /** The number of the kind of fault whose rounds catch it. */
  kind: number
  /** The way that the first fault of those rounds goes, where any other would miss it. */
  way?: string
  /** What at least one finding has to say, so that it is caught for what it is. */
  finding: RegExp
}

const releaseInBatch = "if reservation.state == 'held' then\n    if now >= reservation.expires_at then"

const restoredTime = "add(state == 'held' and deadlines or finished, time, id)"

export const mutants: readonly Mutant[] = [
  {
    name: 'skip-the-deadline',
    defect: 'a payment is taken after the deadline',
    patches: [
      {
        file: 'lua/confirm.lua',
        from: "if reservation.state == 'expired' or now >= reservation.expires_at then",
        to: "if reservation.state == 'expired' then",
      },
    ],
    kind: 10,
    finding: /^confirm at .*: its deadline was \d+ ms ago/,
  },
  {
    name: 'expire-early',
    defect: 'holds expire a second before their deadline',
    patches: [
      { file: 'lua/expire.lua', from: "'-inf', now, 'BYSCORE'", to: "'-inf', now + 1000, 'BYSCORE'" },
      { file: 'lua/expire.lua', from: 'and now >= reservation', to: 'and now + 1000 >= reservation' },
    ],
    kind: 10,
    finding: /^expire at .*: its deadline is \d+ ms away/,
  },
  {
    name: 'confirm-after-release',
    defect: 'a payment is taken for units that were given back',
    patches: [
      {
        file: 'lua/confirm.lua',
        from: "if reservation.state == 'released' then",
        to: `local cart = reservation.cart
  local enough = #cart.skus == 1 and held[cart.skus[1]] >= cart.quantities[1]
  if reservation.state == 'released' and not enough then`,
      },
    ],
    kind: 10,
    finding: /^confirm at .*: it was released/,
  },
  {
    name: 'release-twice',
    defect: 'units are given back again by a repeat of the release',
    patches: [
      {
        file: 'lua/release.lua',
        from: releaseInBatch,
        to: releaseInBatch.replace("== 'held'", "~= 'confirmed'"),
      },
    ],
    kind: 10,
    finding: /^release at .*: it was released/,
  },
  {
    name: 'sell-without-check',
    defect: 'units are held although they are not available',
    patches: [
      {
        file: 'lua/reserve.lua',
        from: 'if not count or count < cart.quantities[i] then',
        to: 'if not count then',
      },
      {
        file: 'lua/include/stock.lua',
        from: 'local a, h, s = available[sku] + available_change,',
        to: 'local a, h, s = math.max(0, available[sku] + available_change),',
      },
    ],
    kind: 10,
    finding: /makes a count of \S+ negative/,
  },
  {
    name: 'sell-what-is-not-back',
    defect: 'a late payment takes units that it does not take from the shelf',
    patches: [
      {
        file: 'lua/include/reservations.lua',
        from: 'reacquire = { -1, 0, 1 }',
        to: 'reacquire = { 0, 0, 1 }',
      },
    ],
    kind: 10,
    finding: /^reacquire at .* says that \S+ is at/,
  },
  {
    name: 'lose-the-key',
    defect: 'the idempotency key of a hold is not remembered',
    patches: [{ file: 'lua/reserve.lua', from: "call_in_parts('HSET', keys_key, keys)", to: '' }],
    kind: 10,
    finding: /has made \S+ before/,
  },
  {
    name: 'apply-twice',
    defect: 'a repeated adjustment of stock is applied again',
    patches: [
      { file: 'lua/adjust.lua', from: "redis.call('SET', adjustment_key, request, 'EX', retention)", to: '' },
    ],
    kind: 6,
    finding: /^adjust at .* did this before/,
  },
  {
    name: 'count-a-line-once',
    defect: 'of two lines of one SKU only one is counted',
    patches: [
      {
        file: 'dist/domain/reservation.js',
        from: 'quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)',
        to: 'quantities.set(sku, quantity)',
      },
    ],
    kind: 10,
    finding: /nobody asked for it/,
  },
  {
    name: 'drop-an-entry',
    defect: 'the ledger in MySQL leaves out releases',
    patches: [
      {
        file: 'dist/ledger/ledger-tables.js',
        from: 'const { epoch, sequence } = entry.position;',
        to: "const { epoch, sequence } = entry.position; if (entry.kind === 'release') continue;",
      },
    ],
    kind: 10,
    finding: /at \d+-\d+: it follows \d+-\d+/,
  },
  {
    name: 'trim-before-commit',
    defect: 'Redis drops ledger entries as soon as the worker has read them',
    patches: [
      {
        file: 'dist/stock/ledger-stream.js',
        from: 'const [id, fields] of records) {',
        to: "const [id, fields] of records) { this.redis.xtrim(this.keys.ledger, 'MINID', id.replace(/\\d+$/, (n) => String(Number(n) + 1)));",
      },
    ],
    kind: 2,
    finding: /no answer to .*"persisted":false/,
  },
  {
    name: 'promise-too-early',
    defect: 'a payment is called persisted before MySQL holds it',
    patches: [
      {
        file: 'dist/http/reservation-routes.js',
        from: 'await way.awaitMysql(store.watermark.waitFor(server, reservation.position, confirmWaitMs))',
        to: 'true',
      },
    ],
    kind: 4,
    finding: /confirm .* answered 200 .*the ledger has no such thing/,
  },
  {
    name: 'believe-another-server',
    defect: 'a payment made on one Redis is called persisted by the word of the one that took over',
    patches: [
      {
        file: 'dist/stock/watermark-feed.js',
        from: 'return server === this.server && comparePositions',
        to: 'return comparePositions',
      },
      {
        file: 'dist/stock/watermark-feed.js',
        from: 'if (waiter.server !== server || waiter.position.epoch',
        to: 'if (waiter.position.epoch',
      },
      {
        file: 'dist/stock/watermark-feed.js',
        from: 'if (server !== (await this.scripts.runId()))',
        to: "if (server === '')",
      },
    ],
    kind: 4,
    way: 'promoted in step, half an API stays behind',
    finding: /confirm .* answered 200 .*the ledger has no such thing/,
  },
  {
    name: 'believe-a-turned-back',
    defect: 'a Redis that was a replica for a moment, in the same process, is believed',
    patches: [
      {
        file: 'lua/include/history.lua',
        from: 'return known and known ~= history',
        to: 'return false and known ~= history',
      },
    ],
    kind: 4,
    way: 'a primary turns back',
    finding: /answered 20\d .*the ledger has no such thing|it is noticed that Redis turned back/,
  },
  {
    name: 'ignore-the-fence',
    defect: 'a Redis that was not compared with MySQL sells',
    patches: [
      {
        file: 'lua/include/position.lua',
        from: 'if not head[3] or head[3] ~= server then',
        to: 'if not head[3] then',
      },
    ],
    kind: 3,
    finding: /the ledger has no such thing/,
  },
  {
    name: 'forget-the-opening',
    defect: 'a Redis that died before it was opened is taken for one that missed what another one sold',
    patches: [
      {
        file: 'lua/verify.lua',
        from: "if head[6] == opened_generation .. ' ' .. opened_server then",
        to: 'if false then',
      },
    ],
    kind: 1,
    way: 'Redis, and again right before it is opened',
    finding: /the ledger has no such thing/,
  },
  {
    name: 'ignore-the-watermark',
    defect: 'a Redis that lost its newest part is opened as it is',
    patches: [
      {
        file: 'lua/verify.lua',
        from: 'or (redis_epoch == epoch and redis_sequence < sequence)',
        to: '',
      },
    ],
    kind: 3,
    finding: /no answer to|the ledger has no such thing/,
  },
  {
    name: 'stale-reads',
    defect: 'an instance answers with counts of up to half a second ago',
    patches: [
      {
        file: 'dist/stock/stock-reader.js',
        from: 'async stock(skus) {',
        to: `async stock(skus) {
        const known = (this.known ??= new Map()).get(String(skus));
        if (known && Date.now() - known.atMs < 500) return known.page;
        const page = await this.fresh(skus);
        this.known.set(String(skus), { atMs: Date.now(), page });
        return page;
    }
    async fresh(skus) {`,
      },
    ],
    kind: 10,
    finding: /^call \d+ \(stock\) was answered from .* had been answered from/,
  },
  {
    name: 'hold-only-with-mysql',
    defect: 'holds are put off for as long as MySQL is away',
    patches: [
      {
        file: 'dist/http/reservation-routes.js',
        from: 'const { reason } = store.guard;',
        to: "const reason = store.guard.standstillMs > 400 ? 'MySQL is away' : store.guard.reason;",
      },
    ],
    kind: 5,
    way: 'gone',
    finding: /\(reserve\) .*was put off: urn:holdfast:holds-paused; without MySQL all calls go on/,
  },
  {
    name: 'put-off-payments',
    defect: 'payments are put off, too, when Redis has no memory for holds',
    patches: [
      {
        file: 'dist/http/reservation-routes.js',
        from: "const way = beginWay(request, 'confirm');",
        to: `const { reason } = store.guard;
            if (reason) return sendRefusal(reply, { refused: 'holds-paused', reason });
            const way = beginWay(request, 'confirm');`,
      },
    ],
    kind: 8,
    way: 'memory full, as the guard sees',
    finding: /a confirm is not put off for holds-paused/,
  },
  {
    name: 'hide-when-to-come-back',
    defect: 'a 503 does not say when to come back',
    patches: [
      { file: 'dist/http/problem.js', from: "reply.header('retry-after', retryAfterSeconds)", to: '{}' },
    ],
    kind: 3,
    finding: /its 503 has no Retry-After/,
  },
  {
    name: 'try-again-in-secret',
    defect: 'a hold that was refused for lack of stock is tried again after the answer',
    patches: [
      {
        file: 'dist/http/reservation-routes.js',
        from: 'store.refusals.count();',
        to: 'setTimeout(() => store.gate.reserve(wanted, idempotencyKeyOf(request)).catch(() => {}), 300);',
      },
    ],
    kind: 10,
    finding: /^reserve at .*: nobody asked for it under order-/,
  },
  {
    name: 'take-another-payment',
    defect: 'a second payment with another reference is accepted for what was paid',
    patches: [
      {
        file: 'lua/confirm.lua',
        from: "if payment_ref ~= '' and payment_ref ~= reservation.payment_ref then",
        to: 'if false then',
      },
    ],
    kind: 10,
    finding: /^call \d+, confirm .*it was paid by/,
  },
  {
    name: 'reacquire-without-check',
    defect: 'a late payment takes units that are not there',
    patches: [
      {
        file: 'lua/confirm.lua',
        from: 'if available[sku] < quantity then',
        to: 'if available[sku] < 0 then',
      },
      {
        file: 'lua/include/stock.lua',
        from: 'local a, h, s = available[sku] + available_change,',
        to: 'local a, h, s = math.max(0, available[sku] + available_change),',
      },
    ],
    kind: 10,
    finding: /^reacquire at .*makes a count of \S+ negative/,
  },
  {
    name: 'forget-the-oldest',
    defect: 'the reservation that has been due for longest never expires',
    patches: [
      {
        file: 'lua/expire.lua',
        from: "'BYSCORE', 'LIMIT', first, limit",
        to: "'BYSCORE', 'LIMIT', first + 1, limit",
      },
    ],
    kind: 10,
    finding: /reservations are past their deadline/,
  },
  {
    name: 'restore-without-deadlines',
    defect: 'a restore forgets the deadlines of what is held',
    patches: [
      {
        file: 'lua/restore.lua',
        from: restoredTime,
        to: "if state ~= 'held' then add(finished, time, id) end",
      },
    ],
    kind: 3,
    way: 'emptied while it runs',
    finding: /^the deadlines are those of held reservations: /,
  },
  {
    name: 'restore-without-keys',
    defect: 'a restore forgets which keys were used',
    patches: [
      {
        file: 'lua/restore.lua',
        from: `${restoredTime}\n  if key ~= '' then`,
        to: `${restoredTime}\n  if key == 'a key' then`,
      },
    ],
    kind: 3,
    way: 'emptied while it runs',
    finding: /has made \S+ before|an idempotency key has one reservation/,
  },
  {
    name: 'move-the-watermark-alone',
    defect: 'MySQL is said to hold expiries whose counts it does not have',
    patches: [
      {
        file: 'dist/ledger/ledger-tables.js',
        from: '...rowWrites(saveStock, stockRows(entries)),',
        to: "...rowWrites(saveStock, stockRows(entries.filter(({ kind }) => kind !== 'expire'))),",
      },
    ],
    kind: 10,
    finding: /^the stock in MySQL is the fold of the ledger: /,
  },
]
