-- Frees a key, if this value holds it.
local held, value = KEYS[1], ARGV[1]

if redis.call('GET', held) ~= value then return 0 end
return redis.call('DEL', held)
