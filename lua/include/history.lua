-- Whose history this server's data is of, as replication tells: with each promotion a server begins a
-- new one and remembers the one before it. A primary that has had no replicas for long begins a new one,
-- too, and remembers none.
local replication = redis.call('INFO', 'replication')
local role = string.match(replication, 'role:(%w+)')
local history = server .. ' ' .. string.match(replication, 'master_replid:(%w+)')

-- Whether this very process was a replica since `known` was its history.
local function was_promoted_since(known)
  local has_forgotten = string.find(replication, 'master_replid2:0+%s')
  return known and known ~= history and string.match(known, '^%w+') == server and not has_forgotten
end
