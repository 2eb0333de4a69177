#!lua flags=allow-oom
-- restore: writes a part of what MySQL holds into a store that was cleared for this epoch.
--
-- KEYS: position, stock, skus, reservations, deadlines, finished, keys
-- ARGV: server, epoch, then for each SKU: `stock`, sku, `available held sold`, '', ''
--   and for each reservation: its state, id, record, deadline or end in ms, idempotency key (or '')
-- Returns one of
--   restored
--   superseded                         a newer restore has begun or ended
local position_key, stock_key, skus_key, reservations_key, deadlines_key, finished_key, keys_key = unpack(KEYS)
-- include fields
if redis.call('HGET', position_key, 'restoring') ~= ARGV[2] then
  return { 'superseded' }
end
local stock, skus, records, deadlines, finished, keys = {}, {}, {}, {}, {}, {}

local function add(list, name, value)
  list[#list + 1] = name
  list[#list + 1] = value
end

for i = 3, #ARGV, 5 do
  local kind, name, text, time, key = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if kind == 'stock' then
    add(stock, name, text)
    add(skus, 0, name)
  else
    add(records, name, text)
    add(kind == 'held' and deadlines or finished, time, name)
    if key ~= '' then
      add(keys, key, name)
    end
  end
end
call_in_parts('HSET', stock_key, stock)
call_in_parts('ZADD', skus_key, skus)
call_in_parts('HSET', reservations_key, records)
call_in_parts('ZADD', deadlines_key, deadlines)
call_in_parts('ZADD', finished_key, finished)
call_in_parts('HSET', keys_key, keys)
return { 'restored' }
