-- id version state room owner expires document, version before, notices… → stored | stale document | gone | refused why
local id = ARGV[1]
local version = redis.call('HGET', key('record', id), 'version')
if not version then
  return {'gone'}
end
if version ~= ARGV[8] then
  return {'stale', redis.call('HGET', key('record', id), 'document')}
end
local known = known_notice(9)
if known then
  return {'refused', 'there is a notice ' .. known .. ' already'}
end
store(filed(id), id, ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
place_all(9)
changed(id, ARGV[2])
return {'stored'}
