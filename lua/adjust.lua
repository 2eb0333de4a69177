#!lua flags=allow-oom
-- adjust: adds a number of units, which may be negative, to what is available of a SKU.
--
-- The adjustment's own key remembers what was done under an idempotency key, so that a repeat has
-- no second effect; Redis forgets it after the retention.
--
-- KEYS: position, stock, ledger, adjustment
-- ARGV: server, sku, quantity, reason (or ''), idempotency key (or ''), retention in seconds,
--   the largest count, actor (or '', or none)
-- Returns: `store-fenced` alone, or one of
--   adjusted TAB position TAB available TAB held TAB sold
--   replayed TAB position TAB available TAB held TAB sold   the key did this before; the counts are
--                                      as of now
--   idempotency-key-reused TAB position
--   unknown-sku TAB position TAB sku
--   insufficient-stock TAB position TAB sku:requested:available
--   count-limit TAB position           the count would be larger than the contract allows
--   malformed
local position_key, stock_key, ledger_key, adjustment_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole
-- include stock
-- include ledger
-- include actor

local sku, reason, key, actor = ARGV[2], ARGV[4], ARGV[5], ARGV[8] or ''
if
  not string.find(sku, '^[%w._-]+$')
  or not string.find(ARGV[3], '^-?[1-9]%d*$')
  or #ARGV[3] > 14
  or string.find(reason .. key, '%c')
  or is_no_actor(actor)
then
  return { 'malformed' }
end
local quantity = tonumber(ARGV[3])
-- Read before anything is written: SET refuses a time to live that is none.
local retention, count_max = whole(ARGV[6], 'the retention'), whole(ARGV[7], 'the largest count')
if retention == 0 then
  return { 'malformed' }
end
local request = sku .. '\t' .. ARGV[3] .. '\t' .. reason
load_stock({ sku })

local function counts()
  return available[sku] .. '\t' .. held[sku] .. '\t' .. sold[sku]
end

local earlier = key ~= '' and redis.call('GET', adjustment_key)
if earlier then
  if earlier ~= request then
    return { judged('idempotency-key-reused') }
  end
  return { judged('replayed', counts()) }
end
if not available[sku] then
  return { judged('unknown-sku', sku) }
end
if available[sku] + quantity < 0 then
  return { judged('insufficient-stock', sku .. ':' .. -quantity .. ':' .. available[sku]) }
end
if available[sku] + quantity > count_max then
  return { judged('count-limit') }
end
local line = move(sku, quantity, quantity, 0, 0)
append_entry('adjust', '', line, signed(reason .. '\t' .. key, actor))
save_entries()
save_stock()
if key ~= '' then
  redis.call('SET', adjustment_key, request, 'EX', retention)
end
return { judged('adjusted', counts()) }
