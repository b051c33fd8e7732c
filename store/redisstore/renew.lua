-- Prolongs a lease. KEYS: fence lease. ARGV: owner, fence, ttl, life of a fence without room.
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 'conflict' end
local held = redis.call('GET', KEYS[2])
if held and held ~= ARGV[1] then return 'conflict' end
if redis.call('PTTL', KEYS[1]) >= 0 then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
if redis.call('PEXPIRE', KEYS[2], ARGV[3]) == 0 then redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3]) end -- comes through at maxmemory (see write.lua)
return 'ok'
