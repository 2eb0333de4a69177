#!lua flags=allow-oom
-- count: reads the counts of SKUs and the position they are true at. Changes nothing, and is not
-- fenced: what it reads may be shown, and is not sold from.
--
-- KEYS: position, stock
-- ARGV: SKUs
-- Returns: epoch and sequence ('' for each when Redis holds nothing of the store), then for each SKU
--   `available held sold`, or '' for one that does not exist
local position_key, stock_key = unpack(KEYS)
-- include fields

local head = redis.call('HMGET', position_key, 'epoch', 'sequence')
local reply = { head[1] or '', head[2] or '' }
local counts = read_fields(stock_key, ARGV)
for i = 1, #ARGV do
  reply[i + 2] = counts[i] or ''
end
return reply
