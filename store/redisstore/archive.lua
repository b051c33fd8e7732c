-- Returns one page of an archive; the same selection as store.ArchiveQuery.Select.
-- KEYS: head archive places. ARGV: since or '', beyond until or '', after or '', before or '', newest 1 or 0, limit.
local h = redis.call('HMGET', KEYS[1], 'lo', 'hi')
local lo, hi = tonumber(h[1] or 0), tonumber(h[2] or 0)
local function text(n) return string.format('%.0f', n) end
local function search(us)
  local a, b = lo, hi
  while a < b do
    local mid = math.floor((a + b) / 2)
    if string.sub(redis.call('HGET', KEYS[2], text(mid)), 1, 16) < us then a = mid + 1 else b = mid end
  end
  return a
end
local first, last = lo, hi
if ARGV[1] ~= '' then first = search(ARGV[1]) end
if ARGV[2] ~= '' then last = search(ARGV[2]) end
last = math.max(last, first)
local from, to = first, last
if ARGV[3] ~= '' then
  local place = redis.call('HGET', KEYS[3], ARGV[3])
  if not place then return 'notfound' end
  from = math.min(math.max(from, tonumber(place) + 1), last)
end
if ARGV[4] ~= '' then
  local place = redis.call('HGET', KEYS[3], ARGV[4])
  if not place then return 'notfound' end
  to = math.min(to, tonumber(place))
end
to = math.max(to, from)
local n = math.min(tonumber(ARGV[6]), to - from)
local complete = 0
if n == to - from then complete = 1 end
if ARGV[5] == '1' then from = to - n end
local out = {text(from - first), text(last - first), text(complete)}
for place = from, from + n - 1 do
  out[#out + 1] = redis.call('HGET', KEYS[2], text(place))
end
return out
