-- name holder milliseconds → whether it is the holder's, or given back
local has = redis.call('GET', key('lease', ARGV[1]))
if has and has ~= ARGV[2] then
  return 0
end
if ARGV[3] == '0' then
  redis.call('DEL', key('lease', ARGV[1]))
else
  redis.call('SET', key('lease', ARGV[1]), ARGV[2], 'PX', ARGV[3])
end
return 1
