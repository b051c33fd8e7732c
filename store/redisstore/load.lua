-- Returns all of a room but its archive. KEYS: as in write.lua. A script and no MULTI, which a server at its maxmemory refuses.
return {
  redis.call('HGETALL', KEYS[2]), redis.call('GET', KEYS[3]), redis.call('LRANGE', KEYS[4], 0, -1),
  redis.call('HGETALL', KEYS[5]), redis.call('HGETALL', KEYS[6]), redis.call('GET', KEYS[9]),
}
