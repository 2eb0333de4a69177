#!lua flags=allow-oom
-- expire: moves units held -> available for reservations whose deadline has passed, the oldest
-- first. The set of deadlines tells what is due; who calls this, and when, only decides how soon the
-- units are back.
--
-- A deadline whose reservation is damaged, gone or not due by its own record is left for the
-- reconciler. Such deadlines become the first of the set: the caller gives their number to have the
-- next ones looked at.
--
-- KEYS: position, stock, ledger, reservations, deadlines, finished
-- ARGV: server, how many are looked at at most, how many of the first are left out
-- Returns: `store-fenced` alone, or: number expired, ms the oldest of them was overdue,
--   the next deadline in ms (or '' when nothing is held), number left, the first of them (or '')
local position_key, stock_key, ledger_key, reservations_key, deadlines_key, finished_key = unpack(KEYS)
-- include position
-- include unturned
-- include fields
-- include whole
-- include stock
-- include ledger
-- include lines
-- include reservations

local limit, first = whole(ARGV[2], 'the limit'), whole(ARGV[3], 'the number left out')
local ids = redis.call('ZRANGE', deadlines_key, '-inf', now, 'BYSCORE', 'LIMIT', first, limit)
local reservations = load_reservations(ids)
local overdue_ms = 0
local left = {}
for i = 1, #ids do
  local reservation = reservations[ids[i]]
  if is_sound(reservation) and reservation.state == 'held' and now >= reservation.expires_at then
    overdue_ms = math.max(overdue_ms, now - reservation.expires_at)
    close(reservation, 'expired', 'expire')
  else
    left[#left + 1] = ids[i]
  end
end
save()
local next_one = redis.call('ZRANGE', deadlines_key, first + #left, first + #left, 'WITHSCORES')
return { tostring(#ids - #left), tostring(overdue_ms), next_one[2] or '', tostring(#left), left[1] or '' }
