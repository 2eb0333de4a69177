#!lua flags=allow-oom
-- mend: writes the true record of a reservation again, with its deadline or its end and its
-- idempotency key, by a `correct` entry that moves no units. What Redis held must still be what was
-- seen: a record that was changed or mended since is left alone. A key stays with another reservation that
-- was made under it.
--
-- KEYS: position, stock, ledger, reservations, deadlines, finished, keys
-- ARGV: server, run, epoch and sequence of the position it was seen at, id, the record seen in
--   Redis (or ''), the true record (or '' to drop a deadline or an end that has no reservation, or
--   `none` to drop the record, too: the ledger has no such reservation),
--   reason, actor (or '', or none)
-- Returns: `store-fenced` alone, or one of
--   mended TAB epoch-sequence          the position of the entry
--   dropped                            the record seen, its deadline and its end are gone
--   outdated                           restored, or corrected by another run, since the position
--   changed-since                      the record is not the one seen
--   unknown-sku                        Redis has no counts of a SKU of the reservation
--   malformed
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, finished_key, keys_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole
-- include stock
-- include ledger
-- include actor
-- include lines
-- include reservations
-- include truth
-- include correction

local run, id, seen, truth, reason, actor = ARGV[2], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9] or ''
local at_epoch, at_sequence = whole(ARGV[3], 'the epoch'), whole(ARGV[4], 'the sequence')
if id == '' or string.find(id, '%c') or is_malformed(run, reason) or is_no_actor(actor) then
  return { 'malformed' }
end
if outdated(run, at_epoch, at_sequence) then
  return { 'outdated' }
end
if (redis.call('HGET', reservations_key, id) or '') ~= seen then
  return { 'changed-since' }
end
if truth == '' or truth == 'none' then
  if truth == '' and seen ~= '' then
    return { 'malformed' }
  end
  local dropped = parse_record(id, seen)
  if dropped and redis.call('HGET', keys_key, dropped.key) == id then
    redis.call('HDEL', keys_key, dropped.key)
  end
  redis.call('HDEL', reservations_key, id)
  redis.call('ZREM', deadlines_key, id)
  redis.call('ZREM', finished_key, id)
  return { 'dropped' }
end
local reservation = parse_truth(id, truth)
local is_open = reservation.state == 'held'
if is_open ~= (reservation.closed_at == '') then
  return { 'malformed' }
end
load_stock(reservation.cart.skus)
local still = { skus = reservation.cart.skus, quantities = {} }
for i = 1, #still.skus do
  if not available[still.skus[i]] then
    return { 'unknown-sku' }
  end
  still.quantities[i] = 0
end
reservation.cart = still
change(reservation, 'correct', signed(reason, actor))
save()
if is_open then
  redis.call('ZREM', finished_key, id)
end
local maker = redis.call('HGET', keys_key, reservation.key)
local made = maker and parse_record(maker, redis.call('HGET', reservations_key, maker) or '')
if reservation.key ~= '' and not (made and made.key == reservation.key) then
  redis.call('HSET', keys_key, reservation.key, id)
end
remember_correction(run)
return { 'mended\t' .. epoch .. '-' .. sequence }
