-- Opens a closed log, once. Either it goes on as it is, or an image of a node that knows more takes its place.
local meta, log, reports, nodes = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local generation, node, data = ARGV[1], ARGV[2], ARGV[3]
local base, number, last, bytes, timeline = ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]

local known = redis.call('HMGET', meta, 'generation', 'open', 'base')
if known[1] ~= generation or known[2] ~= '0' then
  return redis.error_reply('CLOSED the log is open already or closed under another generation')
end
if base ~= '' then
  if known[3] and known[3] ~= '' and known[3] ~= base then redis.call('UNLINK', known[3]) end
  redis.call('PERSIST', base)
  redis.call('DEL', log)
  redis.call('HSET', meta, 'base', base, 'base_number', number, 'base_last', last, 'base_bytes', bytes,
    'number', number, 'timeline', timeline)
end
redis.call('HSET', meta, 'open', 1)
redis.call('DEL', reports, nodes)
local next = redis.call('HINCRBY', meta, 'number', 1)
redis.call('XADD', log, '*', 'n', next, 'o', node, 'b', 0, 'd', data)
return next
