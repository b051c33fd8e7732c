-- Deletes a room. KEYS: as in write.lua. ARGV: fence, tombstone or '', life of a fence without room.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'conflict' end
for i = 2, 9 do redis.call('DEL', KEYS[i]) end
if ARGV[2] ~= '' then redis.call('SET', KEYS[9], ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 'ok'
