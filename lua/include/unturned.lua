-- A primary that was made a replica and promoted again has another history in the same process, and tells
-- of positions at which MySQL holds other entries. So whoever may say that MySQL holds something asks
-- first, and the first who finds that it has turned closes the fence, and says so in its data. A new hold does not ask: it promises
-- nothing of MySQL, and INFO takes 10 us, a fifth of its script.
-- include history
if role ~= 'master' or was_promoted_since(head[4]) then
  if role == 'master' then
    redis.call('HDEL', position_key, 'verified')
    redis.call('HSET', position_key, 'turned', 1)
  end
  return { 'store-fenced' }
end
