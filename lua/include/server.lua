-- The scripts of recovery work on the server they are for and on no other, whatever their caller's
-- connection leads to by the time they arrive. They run where nothing was verified, so Redis itself is
-- asked who it is.
local server = string.match(redis.call('INFO', 'server'), '\nrun_id:(%w+)')
if server ~= ARGV[1] then
  return { 'other-server' }
end
