#!lua flags=allow-oom
-- verify: compares this Redis server's ledger with MySQL, and lifts the fence when it is sound and the
-- caller says `open`. The first start of a store, when neither holds anything, opens its ledger with
-- epoch 1.
--
-- A ledger is sound when it is not behind the watermark and knows of every takeover but the one that
-- is being made: data of a server that was away while another one sold may well be longer, and is
-- another history.
--
-- KEYS: position
-- ARGV: server, the watermark's epoch, the watermark's sequence, the generation, `look` or `open`
-- Returns: `other-server` alone, or one of
--   verified                           it is sound, and open if that was asked for
--   empty                              Redis holds nothing and MySQL does: restore
--   behind TAB epoch-sequence          Redis lost its tail, or missed a takeover: restore
--   ahead TAB epoch-sequence           MySQL knows of fewer takeovers: it was set back
--   superseded                         another server took the store over from this one
local position_key = KEYS[1]
-- include server
-- include whole
local epoch, sequence = whole(ARGV[2], 'the epoch'), whole(ARGV[3], 'the sequence')
local generation = whole(ARGV[4], 'the generation')
local opens = ARGV[5] == 'open'
if not opens and ARGV[5] ~= 'look' then
  error('verify looks or opens')
end
local head = redis.call('HMGET', position_key, 'epoch', 'sequence', 'superseded', 'generation')
if head[3] then
  return { 'superseded' }
end
if not head[1] or not head[2] then
  if epoch > 0 then
    return { 'empty' }
  end
  if opens then
    redis.call('HSET', position_key, 'epoch', 1, 'sequence', 0, 'generation', generation, 'verified', server)
  end
  return { 'verified' }
end
local redis_epoch, redis_sequence = tonumber(head[1]), tonumber(head[2])
local redis_generation = tonumber(head[4] or 0)
local at = '\t' .. head[1] .. '-' .. head[2]
if redis_generation > generation then
  return { 'ahead' .. at }
end
if
  redis_generation < generation - 1
  or redis_epoch < epoch
  or (redis_epoch == epoch and redis_sequence < sequence)
then
  return { 'behind' .. at }
end
if opens then
  redis.call('HSET', position_key, 'generation', generation, 'verified', server)
end
return { 'verified' }
