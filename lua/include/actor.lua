-- Who made a change of stock: the name of an API key or of a person at the command line, or '' where
-- nobody was named.
local function is_no_actor(text)
  return #text > 80 or string.find(text, '[^%w._:-]')
end

-- The end of an entry, and who made it.
local function signed(rest, actor)
  return actor == '' and rest or rest .. '\t' .. actor
end
