-- The fence, the clock and the ledger's position. Every script that changes stock starts here.
--
-- `server` is the run id of the Redis server the caller is connected to. It must be the one whose
-- position was last compared with MySQL's watermark; a restarted, emptied or promoted server is not,
-- and nothing is sold from its numbers.
local server = ARGV[1]
local head = redis.call('HMGET', position_key, 'epoch', 'sequence', 'verified', 'history')
if not head[3] or head[3] ~= server then
  return { 'store-fenced' }
end
local epoch = head[1]
local sequence = tonumber(head[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
