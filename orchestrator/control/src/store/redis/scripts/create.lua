-- id version state room owner expires document, once digest once_expires now, notices… → new | before digest document? | refused why
local id, once, now = ARGV[1], ARGV[8], ARGV[11]
if once ~= '' then
  local old = redis.call('ZRANGEBYSCORE', key('once_expires'), '-inf', now)
  for _, name in ipairs(old) do
    redis.call('HDEL', key('once'), name)
    redis.call('ZREM', key('once_expires'), name)
  end
  local before = redis.call('HGET', key('once'), once)
  if before then
    local digest_and_id = cjson.decode(before)
    return {'before', digest_and_id[1], redis.call('HGET', key('record', digest_and_id[2]), 'document')}
  end
end
if redis.call('EXISTS', key('record', id)) == 1 then
  return {'refused', 'there is a recording ' .. id .. ' already'}
end
local known = known_notice(12)
if known then
  return {'refused', 'there is a notice ' .. known .. ' already'}
end
if once ~= '' then
  redis.call('HSET', key('once'), once, cjson.encode({ARGV[9], id}))
  redis.call('ZADD', key('once_expires'), ARGV[10], once)
end
store({}, id, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
place_all(12)
changed(id, ARGV[2])
return {'new'}
