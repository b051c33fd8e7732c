-- Writes one batch of a room: first everything that can refuse it, then everything that it changes.
-- KEYS: fence head snapshot events secrets outbox archive places tombstone
-- ARGV: fence, sequence before and after, sent, snapshot's sequence or '', snapshot, retention or '', then seven lists,
-- each led by its count: events; dropped parts; part, value; done ids; id, entry; archive id, order, entry; id, body.
local fence, head, snapshot, events, secrets, outbox, archive, places, tombstone = unpack(KEYS)
local next_arg = 8
local function list(width)
  local first = next_arg + 1
  next_arg = first + tonumber(ARGV[next_arg]) * width
  return first, next_arg - 1
end
local e1, e2 = list(1)
local d1, d2 = list(1)
local s1, s2 = list(2)
local x1, x2 = list(1)
local o1, o2 = list(2)
local a1, a2 = list(3)
local r1, r2 = list(2)

if redis.call('GET', fence) ~= ARGV[1] then return 'conflict' end
local h = redis.call('HMGET', head, 'seq', 'snapshot', 'sent', 'lo', 'hi')
if (h[1] or '0') ~= ARGV[2] then return 'conflict' end
local snapped, sent, lo, hi = tonumber(h[2] or 0), tonumber(h[3] or 0), tonumber(h[4] or 0), tonumber(h[5] or 0)
if ARGV[5] ~= '' and tonumber(ARGV[5]) < snapped then return 'snapshot' end
for i = o1, o2, 2 do
  if redis.call('HEXISTS', outbox, ARGV[i]) == 1 then return 'outbox' end
end
for i = a1, a2, 3 do
  if redis.call('HEXISTS', places, ARGV[i]) == 1 then return 'archive' end
end

-- A server at its maxmemory refuses a script's first write if it takes memory, and none after it: so what makes the room larger begins with
-- one that does, and what only makes it smaller with one that does not.
local function text(n) return string.format('%.0f', n) end
if e1 <= e2 or ARGV[5] ~= '' or s1 <= s2 or o1 <= o2 or a1 <= a2 or r1 <= r2 then redis.call('HSET', head, 'seq', ARGV[2]) end
redis.call('PERSIST', fence)
redis.call('DEL', tombstone)
for i = e1, e2 do redis.call('RPUSH', events, ARGV[i]) end
if ARGV[5] ~= '' then
  redis.call('SET', snapshot, ARGV[6])
  redis.call('LTRIM', events, text(tonumber(ARGV[5]) - snapped), -1)
  redis.call('HSET', head, 'snapshot', ARGV[5])
end
for i = d1, d2 do redis.call('HDEL', secrets, ARGV[i]) end
for i = s1, s2, 2 do redis.call('HSET', secrets, ARGV[i], ARGV[i + 1]) end
for i = x1, x2 do redis.call('HDEL', outbox, ARGV[i]) end
for i = o1, o2, 2 do redis.call('HSET', outbox, ARGV[i], ARGV[i + 1]) end

-- An archive entry: 16 digits of ordering time, 16 of time, 5 of the id's length, 5 of the sender's, id, sender, body.
local order = ''
if a1 <= a2 and hi > lo then
  order = string.sub(redis.call('HGET', archive, text(hi - 1)) or '', 1, 16)
end
for i = a1, a2, 3 do
  if ARGV[i + 1] > order then order = ARGV[i + 1] end
  redis.call('HSET', archive, text(hi), order .. ARGV[i + 2])
  redis.call('HSET', places, ARGV[i], text(hi))
  hi = hi + 1
end
for i = r1, r2, 2 do
  local place = redis.call('HGET', places, ARGV[i])
  if place then
    local have = redis.call('HGET', archive, place)
    local fixed = 42 + tonumber(string.sub(have, 33, 37)) + tonumber(string.sub(have, 38, 42))
    redis.call('HSET', archive, place, string.sub(have, 1, fixed) .. ARGV[i + 1])
  end
end
if ARGV[7] ~= '' then
  while lo < hi do
    local have = redis.call('HGET', archive, text(lo))
    if string.sub(have, 1, 16) >= ARGV[7] then break end
    redis.call('HDEL', places, string.sub(have, 43, 42 + tonumber(string.sub(have, 33, 37))))
    redis.call('HDEL', archive, text(lo))
    lo = lo + 1
  end
end
if tonumber(ARGV[4]) > sent then sent = tonumber(ARGV[4]) end
redis.call('HSET', head, 'seq', ARGV[3], 'sent', text(sent), 'lo', text(lo), 'hi', text(hi))
return 'ok'
