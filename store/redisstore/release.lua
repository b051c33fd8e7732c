-- Gives a lease back and spends its fence. KEYS: fence lease. ARGV: owner, fence.
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'ok' end
local held = redis.call('GET', KEYS[2])
if held and held ~= ARGV[1] then return 'ok' end
redis.call('DEL', KEYS[2]) -- first: takes no memory (see write.lua)
redis.call('INCR', KEYS[1])
return 'ok'
