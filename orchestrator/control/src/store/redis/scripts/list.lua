-- after limit look room owner expired_by, states… → how far it looked (nothing: to the end), id document id document…
-- `look` bounds how many records are looked at, so that a rare one does not hold up everybody else.
local after, limit, look = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local room, owner, expired_by = ARGV[4], ARGV[5], ARGV[6]
local states = {}
for at = 7, #ARGV do
  states[ARGV[at]] = true
end

-- By bytes, as in sorted sets; `<` would be by the server's language.
local function less(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = a:byte(at), b:byte(at)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- A run of ids, newest first, from a sorted set.
local function run(index)
  local ids, at, from, done = {}, 1, after, false
  return function(taken)
    if taken then
      at = at + 1
    end
    if not ids[at] and not done then
      ids = redis.call('ZREVRANGEBYLEX', index, from == '' and '+' or '(' .. from, '-', 'LIMIT', 0, 64)
      at = 1
      done = #ids < 64
      from = ids[#ids]
    end
    return ids[at]
  end
end

-- The expired, sorted; they are in the order of their times.
local function expired_run()
  local ids, at = {}, 1
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('expires'), '-inf', expired_by)) do
    if after == '' or less(id, after) then
      ids[#ids + 1] = id
    end
  end
  table.sort(ids, function(a, b) return less(b, a) end)
  return function(taken)
    if taken then
      at = at + 1
    end
    return ids[at]
  end
end

-- The smallest set that has them all.
local best, size = {key('ids')}, redis.call('ZCARD', key('ids'))
local function consider(keys)
  local members = 0
  for _, index in ipairs(keys) do
    members = members + redis.call('ZCARD', index)
  end
  if members < size then
    best, size = keys, members
  end
end
if room ~= '' then
  consider({key('room', room)})
end
if owner ~= '' then
  consider({key('owner', owner)})
end
if next(states) then
  local keys = {}
  for state in pairs(states) do
    keys[#keys + 1] = key('state', state)
  end
  consider(keys)
end
local runs = {}
if expired_by ~= '' and redis.call('ZCOUNT', key('expires'), '-inf', expired_by) < math.min(size, look) then
  runs[1] = expired_run()
else
  for _, index in ipairs(best) do
    runs[#runs + 1] = run(index)
  end
end

local found, looked = {''}, 0
while limit > 0 do
  local newest, of
  for _, ids in ipairs(runs) do
    local id = ids()
    if id and (not newest or less(newest, id)) then
      newest, of = id, ids
    end
  end
  if not newest then
    return found
  end
  local record = redis.call('HMGET', key('record', newest), 'state', 'room', 'owner', 'expires')
  local expires = tonumber(record[4])
  if (not next(states) or states[record[1]]) and (room == '' or record[2] == room) and (owner == '' or record[3] == owner)
    and (expired_by == '' or (expires and expires <= tonumber(expired_by))) then
    found[#found + 1] = newest
    found[#found + 1] = redis.call('HGET', key('record', newest), 'document')
    limit = limit - 1
  end
  of(true)
  found[1] = newest
  looked = looked + 1
  if looked >= look then
    return found
  end
end
return found
