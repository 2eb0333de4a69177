-- Reads a whole number of at most 15 digits, which a double holds exactly. Anything else ends the
-- script before its first write: Lua's own tonumber takes `nan`, which passes every comparison,
-- `1e3` and `0x10`, and Redis reads a limit of -1 as none.
local function whole(text, what)
  if not string.find(text, '^%d+$') or #text > 15 or string.find(text, '^0%d') then
    error(what .. ' is not a whole number')
  end
  return tonumber(text)
end
