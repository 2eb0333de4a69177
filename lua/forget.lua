#!lua flags=allow-oom
-- forget: drops reservations that ended longer ago than the retention, with their idempotency keys,
-- the oldest first. One that MySQL does not hold yet is kept: nothing is dropped from Redis before the
-- watermark has passed its newest entry. A key that made another reservation since stays that one's.
--
-- What cannot be read is left for the reconciler, as expire does.
--
-- KEYS: position, reservations, finished, keys
-- ARGV: server, retention in ms, the watermark's epoch, the watermark's sequence,
--   how many are looked at at most, how many of the first are left out
-- Returns: `store-fenced` alone, or: number forgotten, number left, the first of them (or '')
local position_key, reservations_key, finished_key, keys_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole

local retention_ms, limit = whole(ARGV[2], 'the retention'), whole(ARGV[5], 'the limit')
local watermark_epoch, watermark_sequence = whole(ARGV[3], 'the epoch'), whole(ARGV[4], 'the sequence')
local first = whole(ARGV[6], 'the number left out')
local ids = redis.call('ZRANGE', finished_key, '-inf', now - retention_ms, 'BYSCORE', 'LIMIT', first, limit)
local records = read_fields(reservations_key, ids)
local forgotten, left, keys, makers = {}, {}, {}, {}
for i = 1, #ids do
  local record_epoch, record_sequence, key = string.match(
    records[i] or '',
    '^%l+\t(%d+)%-(%d+)\t%d+\t%d+\t%d*\t1?\t[^\t]*\t([^\t]*)\t'
  )
  record_epoch, record_sequence = tonumber(record_epoch), tonumber(record_sequence)
  if not key then
    left[#left + 1] = ids[i]
  elseif
    record_epoch > watermark_epoch
    or (record_epoch == watermark_epoch and record_sequence > watermark_sequence)
  then
    break
  else
    forgotten[#forgotten + 1] = ids[i]
    if key ~= '' then
      keys[#keys + 1] = key
      makers[#keys] = ids[i]
    end
  end
end
local owners, own_keys = read_fields(keys_key, keys), {}
for i = 1, #keys do
  if owners[i] == makers[i] then
    own_keys[#own_keys + 1] = keys[i]
  end
end
call_in_parts('HDEL', reservations_key, forgotten)
call_in_parts('ZREM', finished_key, forgotten)
call_in_parts('HDEL', keys_key, own_keys)
return { tostring(#forgotten), tostring(#left), left[1] or '' }
