-- Lets a key end so much from now, if this value holds it.
local held, value, ttl_ms = KEYS[1], ARGV[1], ARGV[2]

if redis.call('GET', held) ~= value then return 0 end
return redis.call('PEXPIRE', held, ttl_ms)
