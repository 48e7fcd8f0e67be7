-- What a node asks on each new connection, and again and again while the log is closed: is this the Redis, and the log,
-- that I know? Where Redis is another process than the one that the log was open in (a restart, a failover), or has
-- forgotten everything, the log is closed under the next generation, and the nodes report how far they have come.
local meta, log, reports, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local node, known_generation = ARGV[1], tonumber(ARGV[2])
local my_generation, my_number, my_last = ARGV[3], tonumber(ARGV[4]), ARGV[5] -- of the last entry that I have applied
local my_name = ARGV[6]

-- Asked here, not by the node when it connected: the replication id also changes when a first replica comes, and nodes
-- that remember different ones would close the log on each other for ever.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local known = redis.call('HMGET', meta, 'generation', 'run', 'replication')
local generation = tonumber(known[1]) or 0
local forgotten = not known[1]
-- A node from a later generation than ours has seen a log that this Redis has lost.
if forgotten or known[2] ~= run or known[3] ~= replication or known_generation > generation then
  generation = math.max(generation, known_generation) + 1
  redis.call('DEL', reports)
  redis.call('HSET', meta, 'generation', generation, 'open', 0, 'run', run, 'replication', replication, 'closed', now)
  redis.call('HSETNX', meta, 'number', 0)
end

local now_known = redis.call('HMGET', meta, 'open', 'number', 'opened', 'base', 'base_number', 'base_last', 'base_bytes',
  'closed')
local open = now_known[1] == '1'
-- The clock may have been put right since.
local closed = math.min(tonumber(now_known[8]) or now, now)
if not open then redis.call('HSET', meta, 'closed', closed) end
if not open then redis.call('HSET', reports, node, my_generation .. ' ' .. my_number .. ' ' .. now .. ' ' .. my_name) end

-- Is where I stand a place in this log?
local found = 0
local base_number = tonumber(now_known[5]) or 0
if my_number == base_number and my_last == (now_known[6] or '0-0') then
  found = 1
elseif my_number > 0 then
  local entry = redis.call('XRANGE', log, my_last, my_last)[1]
  if entry and entry[2][2] == tostring(my_number) and entry[2][4] == my_generation then found = 1 end
end
return {generation, open and 1 or 0, tonumber(now_known[2]), tonumber(now_known[3]) or 0, now_known[4] or '',
  base_number, tonumber(now_known[7]) or 0, now - closed, found, redis.call('HGETALL', reports), now,
  redis.call('HGETALL', members)}
