-- floor: moves units available -> held for each reservation of a batch and keeps the reservation:
-- the reserve script without idempotency key, deadline and ledger. What a hold costs Redis at least.
--
-- KEYS: stock, reservations
-- ARGV: for each reservation: id, sku, quantity
-- Returns: for each reservation the units available before it: enough for it, or it was refused
local stock_key, reservations_key = unpack(KEYS)
local available, held = {}, {}
local records, replies = {}, {}
for i = 1, #ARGV, 3 do
  local id, sku, quantity = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if not available[sku] then
    local counts = redis.call('HGET', stock_key, sku) or '0 0'
    local a, h = string.match(counts, '^(%d+) (%d+)$')
    available[sku], held[sku] = tonumber(a), tonumber(h)
  end
  replies[#replies + 1] = available[sku]
  if available[sku] >= quantity then
    available[sku] = available[sku] - quantity
    held[sku] = held[sku] + quantity
    records[#records + 1] = id
    records[#records + 1] = sku .. ':' .. quantity
  end
end
if #records > 0 then
  for sku, count in pairs(available) do
    redis.call('HSET', stock_key, sku, count .. ' ' .. held[sku])
  end
  redis.call('HSET', reservations_key, unpack(records))
end
return replies
