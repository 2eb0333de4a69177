#!lua flags=allow-oom
-- count: reads the counts of SKUs and the position they are true at. Changes nothing. A server that was
-- not verified may be behind what somebody was told already, so that it is not read from either.
--
-- KEYS: position, stock
-- ARGV: server, then SKUs
-- Returns: `store-fenced` alone, or the position, then for each SKU `available held sold`, or '' for
--   one that does not exist
local position_key, stock_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields

local skus = { unpack(ARGV, 2) }
local counts = read_fields(stock_key, skus)
local reply = { epoch .. '-' .. sequence }
for i = 1, #skus do
  reply[i + 1] = counts[i] or ''
end
return reply
