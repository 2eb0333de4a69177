#!lua flags=allow-oom
-- verify: lifts the fence for this Redis server when its ledger is not behind MySQL's watermark.
-- The first start of a store, when neither holds anything, opens its ledger with epoch 1.
--
-- KEYS: position
-- ARGV: server, the watermark's epoch, the watermark's sequence
-- Returns one of
--   verified                           the store is open on this server
--   empty                              Redis holds nothing and MySQL does: restore
--   behind TAB epoch-sequence          Redis lost its tail: restore
--   superseded                         another server took the store over from this one
local position_key = KEYS[1]
-- include whole
local server = ARGV[1]
local epoch, sequence = whole(ARGV[2], 'the epoch'), whole(ARGV[3], 'the sequence')
local head = redis.call('HMGET', position_key, 'epoch', 'sequence', 'superseded')
if head[3] then
  return { 'superseded' }
end
if not head[1] or not head[2] then
  if epoch > 0 then
    return { 'empty' }
  end
  redis.call('HSET', position_key, 'epoch', 1, 'sequence', 0, 'verified', server)
  return { 'verified' }
end
local redis_epoch, redis_sequence = tonumber(head[1]), tonumber(head[2])
if redis_epoch < epoch or (redis_epoch == epoch and redis_sequence < sequence) then
  return { 'behind\t' .. head[1] .. '-' .. head[2] }
end
redis.call('HSET', position_key, 'verified', server)
return { 'verified' }
