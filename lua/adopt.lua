#!lua flags=allow-oom
-- adopt: has this server's data know of the takeover by the store's last owner, if it is that owner's data: of one
-- that died after MySQL had said that it was opened, and before its data did. It noted before that it was about to
-- be, so whatever has the note is what the owner had then, and all that it did since comes after it.
--
-- KEYS: position
-- ARGV: server, the generation of the last owner, its run id
-- Returns: `other-server` alone, or one of
--   adopted
--   unrelated                          the data is not the owner's, or knows already
local position_key = KEYS[1]
-- include server
-- include whole
local generation = whole(ARGV[2], 'the generation')
local head = redis.call('HMGET', position_key, 'opening', 'generation')
if head[1] ~= generation .. ' ' .. ARGV[3] or tonumber(head[2] or 0) >= generation then
  return { 'unrelated' }
end
redis.call('HSET', position_key, 'generation', generation)
return { 'adopted' }
