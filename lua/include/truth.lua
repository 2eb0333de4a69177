-- Records that come from MySQL. What Redis wrote itself was checked when it was written; these may be
-- damaged, and one that no script can read could never end.

-- The reservation of a record, all of it checked. Anything that is not one ends the script.
local function parse_truth(id, text)
  local reservation = parse_record(id, text)
  if not reservation or id == '' or string.find(id .. string.gsub(text, '\t', ''), '%c') then
    error('the record of reservation ' .. id .. ' is malformed')
  end
  whole(string.match(reservation.request, '^%d+'), 'the time to live')
  whole(reservation.created_at, 'the time of creation')
  whole(string.match(text, '^%l+\t%d+%-%d+\t%d+\t(%d+)'), 'the deadline')
  if reservation.closed_at ~= '' then
    whole(reservation.closed_at, 'the end')
  end
  return reservation
end
