#!lua flags=allow-oom
-- set: makes the stock on hand of a SKU what was counted: available = onHand - held. Creates the
-- SKU when it is new. Setting what is already so changes nothing.
--
-- KEYS: position, stock, ledger, skus
-- ARGV: server, sku, onHand, actor (or '', or none)
-- Returns: `store-fenced` alone, or one of
--   created TAB position TAB available TAB held TAB sold
--   counted TAB position TAB available TAB held TAB sold
--   below-held TAB position TAB held
--   malformed
local position_key, stock_key, ledger_key, skus_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole
-- include stock
-- include ledger
-- include actor

local sku, actor = ARGV[2], ARGV[4] or ''
local on_hand = whole(ARGV[3], 'the stock on hand')
if not string.find(sku, '^[%w._-]+$') or #sku > 64 or on_hand > 1000000000000 or is_no_actor(actor) then
  return { 'malformed' }
end
load_stock({ sku })
local outcome = 'counted'
if not available[sku] then
  outcome = 'created'
  available[sku], held[sku], sold[sku] = 0, 0, 0
end
if on_hand < held[sku] then
  return { judged('below-held', held[sku]) }
end
local quantity = on_hand - held[sku] - available[sku]
if quantity ~= 0 or outcome == 'created' then
  local line = move(sku, quantity, quantity, 0, 0)
  append_entry('set', '', line, signed('\t', actor))
  save_entries()
  save_stock()
  -- What is on hand is known anew: a correction worked out before would be added to it.
  redis.call('HSET', position_key, 'counted', string.format('%d', sequence))
  redis.call('ZADD', skus_key, 0, sku)
end
return { judged(outcome, available[sku] .. '\t' .. held[sku] .. '\t' .. sold[sku]) }
