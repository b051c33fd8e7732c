-- Changes records of one bucket. KEYS: values names counter. ARGV: key, condition, change, and again.
-- Condition: '' whatever, '-' absent, otherwise the version. Change: 'x' removes, 's' and a value sets.
-- A record's value is led by its version and a colon.
for i = 1, #ARGV, 3 do
  if ARGV[i + 1] ~= '' then
    local have = redis.call('HGET', KEYS[1], ARGV[i])
    local version = '-'
    if have then version = string.match(have, '^%d+') end
    if version ~= ARGV[i + 1] then return 'conflict' end
  end
end
for i = 1, #ARGV, 3 do
  if ARGV[i + 2] == 'x' then
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  else
    local version = string.format('%.0f', redis.call('INCR', KEYS[3]))
    redis.call('HSET', KEYS[1], ARGV[i], version .. ':' .. string.sub(ARGV[i + 2], 2))
    redis.call('ZADD', KEYS[2], 0, ARGV[i])
  end
end
return 'ok'
