#!lua flags=allow-oom
-- read: reads a reservation and the position the store is at. Changes nothing. A server that was not
-- verified may be behind what somebody was told already, so that it is not read from either.
--
-- KEYS: position, reservations
-- ARGV: server, id
-- Returns: `store-fenced` alone, or the position and the record, '' for none
local position_key, reservations_key = unpack(KEYS)
-- include position
-- include unturned

return { epoch .. '-' .. sequence, redis.call('HGET', reservations_key, ARGV[2]) or '' }
