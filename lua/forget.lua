#!lua flags=allow-oom
-- forget: drops reservations that ended longer ago than the retention, with their idempotency keys,
-- the oldest first, at most `limit` of them. One that MySQL does not hold yet is kept: nothing is
-- dropped from Redis before the watermark has passed its newest entry.
--
-- KEYS: position, reservations, finished, keys
-- ARGV: server, retention in ms, the watermark's epoch, the watermark's sequence, limit
-- Returns: `store-fenced` alone, or: number forgotten
local position_key, reservations_key, finished_key, keys_key = unpack(KEYS)
-- include position
-- include fields
-- include whole

local retention_ms, limit = whole(ARGV[2], 'the retention'), whole(ARGV[5], 'the limit')
local watermark_epoch, watermark_sequence = whole(ARGV[3], 'the epoch'), whole(ARGV[4], 'the sequence')
local ids = redis.call('ZRANGE', finished_key, '-inf', now - retention_ms, 'BYSCORE', 'LIMIT', 0, limit)
local records = read_fields(reservations_key, ids)
local forgotten, keys = {}, {}
for i = 1, #ids do
  if not records[i] then
    error('the finished reservation ' .. ids[i] .. ' has no record')
  end
  local record_epoch, record_sequence, key = string.match(
    records[i],
    '^%l+\t(%d+)%-(%d+)\t%d+\t%d+\t%d*\t1?\t[^\t]*\t([^\t]*)\t'
  )
  record_epoch, record_sequence = tonumber(record_epoch), tonumber(record_sequence)
  if
    record_epoch > watermark_epoch
    or (record_epoch == watermark_epoch and record_sequence > watermark_sequence)
  then
    break
  end
  forgotten[#forgotten + 1] = ids[i]
  if key ~= '' then
    keys[#keys + 1] = key
  end
end
call_in_parts('HDEL', reservations_key, forgotten)
call_in_parts('ZREM', finished_key, forgotten)
call_in_parts('HDEL', keys_key, keys)
return { tostring(#forgotten) }
