-- Appends one batch to the log, if the log is open in the generation that the caller knows. A batch that is there
-- already (the caller repeats it after a broken connection) is not appended again.
-- Answers the number of the log's last entry.
local meta, log, nodes = KEYS[1], KEYS[2], KEYS[3]
local generation, node, batch, data = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local known = redis.call('HMGET', meta, 'generation', 'open', 'number')
if known[1] ~= generation or known[2] ~= '1' then
  return redis.error_reply('CLOSED the log is not open in generation ' .. generation)
end
local last = redis.call('HGET', nodes, node)
if last and tonumber(last) >= batch then return tonumber(known[3]) end
local number = tonumber(known[3]) + 1
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- First, because Redis may refuse it; what follows it then takes as well.
redis.call('XADD', log, '*', 'n', number, 'g', generation, 'o', node, 'b', batch, 'd', data, 't', now)
redis.call('HSET', meta, 'number', number)
redis.call('HSET', nodes, node, batch)
return number
