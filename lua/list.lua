#!lua flags=allow-oom
-- list: reads a page of SKUs in order with their counts, and the position it is true at. Changes nothing.
-- The names are read in the same step: a SKU that is put on sale meanwhile is on the page, or later.
--
-- KEYS: position, stock, skus
-- ARGV: server, where to begin and where to end, as ZRANGE BYLEX takes them, limit
-- Returns: `store-fenced` alone, or the position, then for each SKU its name and `available held sold`
local position_key, stock_key, skus_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole

local limit = whole(ARGV[4], 'the limit')
local skus = redis.call('ZRANGE', skus_key, ARGV[2], ARGV[3], 'BYLEX', 'LIMIT', 0, limit)
local counts = read_fields(stock_key, skus)
local reply = { epoch .. '-' .. sequence }
for i = 1, #skus do
  if counts[i] then
    reply[#reply + 1] = skus[i]
    reply[#reply + 1] = counts[i]
  end
end
return reply
