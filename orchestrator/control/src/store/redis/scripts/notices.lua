-- due_by (nothing: the dead) limit → id document id document…
local ids
if ARGV[1] == '' then
  ids = redis.call('ZREVRANGE', key('dead'), 0, ARGV[2] - 1)
else
  ids = redis.call('ZRANGEBYSCORE', key('due'), '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
end
local found = {}
for at, id in ipairs(ids) do
  found[2 * at - 1] = id
  found[2 * at] = redis.call('HGET', key('notice', id), 'document')
end
return found
