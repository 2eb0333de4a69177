#!lua flags=allow-oom
-- open: ends a restore: the store's ledger goes on after what MySQL holds, in the new epoch.
--
-- KEYS: position
-- ARGV: server, epoch, sequence, the generation
-- Returns: `other-server` alone, or one of
--   opened
--   superseded                         a newer restore has begun or ended
local position_key = KEYS[1]
-- include server
-- include whole
local epoch, sequence = whole(ARGV[2], 'the epoch'), whole(ARGV[3], 'the sequence')
local generation = whole(ARGV[4], 'the generation')
if redis.call('HGET', position_key, 'restoring') ~= ARGV[2] then
  return { 'superseded' }
end
redis.call('DEL', position_key)
redis.call(
  'HSET', position_key, 'epoch', epoch, 'sequence', sequence, 'generation', generation, 'verified', server
)
return { 'opened' }
