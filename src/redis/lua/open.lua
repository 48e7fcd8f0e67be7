-- Opens a closed log, once. Either it goes on as it is, or an image of a node that knows more takes its place.
local meta, log, reports, nodes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local generation, node, data = ARGV[1], ARGV[2], ARGV[3]
local base, number, last, bytes = ARGV[4], ARGV[5], ARGV[6], ARGV[7]

local known = redis.call('HMGET', meta, 'generation', 'open', 'base')
if known[1] ~= generation or known[2] ~= '0' then
  return redis.error_reply('CLOSED the log is open already or closed under another generation')
end
if base ~= '' then
  -- What lives without an end, or not at all, was not written here to its end.
  if redis.call('PERSIST', base) == 0 then return redis.error_reply('CLOSED the image is not here') end
  if known[3] and known[3] ~= '' then redis.call('UNLINK', known[3]) end
  redis.call('DEL', log)
  redis.call('HSET', meta, 'base', base, 'base_number', number, 'base_last', last, 'base_bytes', bytes,
    'number', number)
end
redis.call('HSET', meta, 'open', 1, 'opened', generation)
redis.call('DEL', reports, nodes)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local next = redis.call('HINCRBY', meta, 'number', 1)
redis.call('XADD', log, '*', 'n', next, 'g', generation, 'o', node, 'b', 0, 'd', data, 't', now)
return next
