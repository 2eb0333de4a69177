#!lua flags=allow-oom
-- expire: moves units held -> available for reservations whose deadline has passed, the oldest
-- first, at most `limit` of them. The set of deadlines is the truth; who calls this, and when, only
-- decides how soon the units are back.
--
-- KEYS: position, stock, ledger, reservations, deadlines, finished
-- ARGV: server, limit
-- Returns: `store-fenced` alone, or: number expired, ms the oldest of them was overdue,
--   the next deadline in ms (or '' when nothing is held)
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, finished_key = unpack(KEYS)
-- include position
-- include fields
-- include whole
-- include stock
-- include ledger
-- include lines
-- include reservations

local limit = whole(ARGV[2], 'the limit')
local ids = redis.call('ZRANGE', deadlines_key, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
local reservations = load_reservations(ids)
local overdue_ms = 0
for i = 1, #ids do
  local reservation = reservations[ids[i]]
  if not reservation or reservation.state ~= 'held' then
    error('the deadline of ' .. ids[i] .. ' is not of a held reservation')
  end
  overdue_ms = math.max(overdue_ms, now - reservation.expires_at)
  close(reservation, 'expired', 'expire')
end
save()
local next_one = redis.call('ZRANGE', deadlines_key, 0, 0, 'WITHSCORES')
return { tostring(#ids), tostring(overdue_ms), next_one[2] or '' }
