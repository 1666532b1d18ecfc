-- id → whether it was there
if redis.call('EXISTS', key('record', ARGV[1])) == 0 then
  return 0
end
take_out(ARGV[1])
changed(ARGV[1], '0')
return 1
