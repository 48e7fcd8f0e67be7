-- Appends a batch to the audit trail, if the trail ends where the caller believes, so that no change is there twice and
-- none is left out; then drops the oldest batches beyond the limits. The id of a batch is the last place of the log in it.
-- Answers whether it was appended, and where the trail ends.
local meta, trail = KEYS[1], KEYS[2]
local generation, open, expected = ARGV[1], ARGV[2], ARGV[3]
local from, to, id, at, bytes, data = ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8]), ARGV[9]
local bytes_max, age_max = tonumber(ARGV[10]), tonumber(ARGV[11])

local known = redis.call('HMGET', meta, 'generation', 'open', 'audited')
if known[1] ~= generation or known[2] ~= open then
  return redis.error_reply('CLOSED the log is not as it was in generation ' .. generation)
end
local audited = known[3] or ''
if audited ~= expected then return {0, audited} end
if audited == '' then
  redis.call('DEL', trail)
  redis.call('HDEL', meta, 'audit_trimmed', 'audit_bytes')
end
redis.call('XADD', trail, to, 'f', from, 'i', id, 't', at, 'r', bytes, 'd', data)
redis.call('HSET', meta, 'audited', to)
local kept = redis.call('HINCRBY', meta, 'audit_bytes', bytes)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- A few at a time: a limit that was lowered is reached with the next batches.
for _ = 1, 16 do
  local first = redis.call('XRANGE', trail, '-', '+', 'COUNT', 1)[1]
  if not first or first[1] == to then break end
  if kept <= bytes_max and now - tonumber(first[2][6]) <= age_max then break end
  redis.call('XDEL', trail, first[1])
  redis.call('HSET', meta, 'audit_trimmed', first[1])
  kept = redis.call('HINCRBY', meta, 'audit_bytes', -tonumber(first[2][8]))
end
return {1, to}
