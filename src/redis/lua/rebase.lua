-- Puts a newer image under the log and drops the entries that it contains, if the audit trail has what they changed.
local meta, log = KEYS[1], KEYS[2]
local generation, base, number, last, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local placed = tonumber(ARGV[6]) -- the generation of the last entry in the image

local known = redis.call('HMGET', meta, 'generation', 'open', 'base', 'base_number', 'audited')
local audited_in, audited_to = string.match(known[5] or '', '^(%d+)-(%d+)$')
audited_in, audited_to = tonumber(audited_in) or 0, tonumber(audited_to) or 0
local audited = audited_in > placed or (audited_in == placed and audited_to >= number)
if known[1] ~= generation or known[2] ~= '1' or number <= (tonumber(known[4]) or 0) or not audited then
  redis.call('UNLINK', base)
  return 0
end
-- What lives without an end, or not at all, was not written here to its end.
if redis.call('PERSIST', base) == 0 then return 0 end
if known[3] and known[3] ~= '' then redis.call('UNLINK', known[3]) end
redis.call('HSET', meta, 'base', base, 'base_number', number, 'base_last', last, 'base_bytes', bytes)
redis.call('XTRIM', log, 'MINID', last)
return 1
