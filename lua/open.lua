#!lua flags=allow-oom
-- open: ends a restore: the store's ledger goes on after what MySQL holds, in the new epoch.
--
-- KEYS: position
-- ARGV: server, epoch, sequence
-- Returns one of
--   opened
--   superseded                         a newer restore has begun or ended
local position_key = KEYS[1]
if redis.call('HGET', position_key, 'restoring') ~= ARGV[2] then
  return { 'superseded' }
end
redis.call('DEL', position_key)
redis.call('HSET', position_key, 'epoch', ARGV[2], 'sequence', ARGV[3], 'verified', ARGV[1])
return { 'opened' }
