-- Takes a lease. KEYS: fence lease head. ARGV: owner, ttl and the life of a fence without room, in milliseconds.
-- Fences come from the server's clock and never go back; so a fence that expired is not given out a second time.
local held = redis.call('GET', KEYS[2])
if held and held ~= ARGV[1] then return {held, string.format('%.0f', redis.call('PTTL', KEYS[2]))} end
local now = redis.call('TIME')
local fence = tonumber(now[1]) * 1000000 + tonumber(now[2])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if fence <= last then fence = last + 1 end
local text = string.format('%.0f', fence)
redis.call('PERSIST', KEYS[1]) -- takes no memory: so a claim comes through at maxmemory, too, and who has it can make room (see write.lua)
redis.call('SET', KEYS[1], text)
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {text}
