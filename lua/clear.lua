#!lua flags=allow-oom
-- clear: begins to restore a store from MySQL: drops what this server holds of it and closes the
-- fence. The epoch was claimed in MySQL, so no two restores have the same; the newer one wins.
--
-- KEYS: position, stock, skus, reservations, deadlines, finished, keys, ledger
-- ARGV: server, epoch
-- Returns: `other-server` alone, or one of
--   cleared
--   superseded                         a newer restore has begun or ended
local position_key = KEYS[1]
-- include server
-- include whole
local epoch = whole(ARGV[2], 'the epoch')
local head = redis.call('HMGET', position_key, 'epoch', 'restoring')
if math.max(tonumber(head[1] or 0), tonumber(head[2] or 0)) >= epoch then
  return { 'superseded' }
end
redis.call('UNLINK', unpack(KEYS))
redis.call('HSET', position_key, 'restoring', epoch)
return { 'cleared' }
