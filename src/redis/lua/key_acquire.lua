-- Grants a key to a value, if nobody holds it, and mints the fencing token of the grant.
-- Answers the token as text, or nothing if the key is held.
local held, counter = KEYS[1], KEYS[2]
local value, ttl_ms = ARGV[1], ARGV[2]

local last = tonumber(redis.call('GET', counter)) or 0
if not redis.call('SET', held, value, 'NX', 'PX', ttl_ms) then return false end
-- Not below the clock: so tokens grow also where Redis has lost the counter.
local time = redis.call('TIME')
local token = string.format('%.0f', math.max(last + 1, tonumber(time[1]) * 1000000 + tonumber(time[2])))
redis.call('SET', counter, token)
return token
