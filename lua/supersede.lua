#!lua flags=allow-oom
-- supersede: fences a server that another one has taken the store over from, for good: the mark is
-- part of its data, so a restart does not lift it, and a copy of the other server's data does.
--
-- KEYS: position
-- ARGV: server
-- Returns: `other-server` alone, or: superseded
local position_key = KEYS[1]
-- include server
if redis.call('HGET', position_key, 'verified') == server then
  redis.call('HDEL', position_key, 'verified')
  redis.call('HSET', position_key, 'superseded', 1)
end
return { 'superseded' }
