#!lua flags=allow-oom
-- open: ends a restore: the store's ledger goes on after what MySQL holds, in the new epoch.
--
-- Only for who still holds the lease of restores. Another process that takes it looks whether the store
-- is open before it claims an epoch, so that it cannot open behind that look.
--
-- KEYS: position, restorer
-- ARGV: server, epoch, sequence, the generation, the holder of the lease
-- Returns: `other-server` alone, or one of
--   opened
--   superseded                         a newer restore has begun or ended, or holds the lease
local position_key, restorer_key = unpack(KEYS)
-- include server
-- include history
-- include whole
local epoch, sequence = whole(ARGV[2], 'the epoch'), whole(ARGV[3], 'the sequence')
local generation = whole(ARGV[4], 'the generation')
if redis.call('HGET', position_key, 'restoring') ~= ARGV[2] or redis.call('GET', restorer_key) ~= ARGV[5] then
  return { 'superseded' }
end
redis.call('DEL', position_key)
redis.call(
  'HSET', position_key,
  'epoch', epoch, 'sequence', sequence, 'generation', generation, 'verified', server, 'history', history
)
return { 'opened' }
