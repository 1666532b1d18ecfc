-- Before every script. All keys begin with KEYS[1]; what may be refused is refused before the first write, for a script that fails
-- half-way is not taken back.

local function key(kind, name)
  return name and KEYS[1] .. ':' .. kind .. ':' .. name or KEYS[1] .. ':' .. kind
end

-- The sorted sets that a record is in. Their scores are 0, so they are in the order of the ids' bytes.
local function indexes(state, room, owner)
  local keys = {key('ids'), key('state', state), key('room', room)}
  if owner ~= '' then
    keys[4] = key('owner', owner)
  end
  return keys
end

-- `was` is where it is filed until now.
local function store(was, id, version, state, room, owner, expires, document)
  local now = indexes(state, room, owner)
  for at = 1, 4 do
    if was[at] ~= now[at] then
      if was[at] then
        redis.call('ZREM', was[at], id)
      end
      if now[at] then
        redis.call('ZADD', now[at], 0, id)
      end
    end
  end
  if expires ~= '' then
    redis.call('ZADD', key('expires'), expires, id)
  else
    redis.call('ZREM', key('expires'), id)
  end
  redis.call('HSET', key('record', id), 'version', version, 'state', state, 'room', room, 'owner', owner, 'expires', expires,
    'document', document)
end

local function filed(id)
  local is = redis.call('HMGET', key('record', id), 'state', 'room', 'owner')
  return indexes(is[1], is[2], is[3])
end

local function take_out(id)
  for _, index in ipairs(filed(id)) do
    redis.call('ZREM', index, id)
  end
  redis.call('ZREM', key('expires'), id)
  redis.call('DEL', key('record', id))
end

-- Changes are numbered without gaps, so who reads them knows when it has missed some.
local function changed(id, version)
  local number = redis.call('INCR', key('changed'))
  redis.call('XADD', key('changes'), 'MAXLEN', '~', changes_kept, string.format('%.0f-0', number), 'id', id, 'version', version)
end

local function head(queue)
  return redis.call('ZRANGE', key('queue', queue), 0, 0)[1]
end

-- Does something to a queue of notices; the oldest of it is the one that may become due.
local function with_queue(queue, act)
  local before = head(queue)
  act()
  local after = head(queue)
  if before and before ~= after then
    redis.call('ZREM', key('due'), before)
  end
  if after then
    redis.call('ZADD', key('due'), redis.call('HGET', key('notice', after), 'due'), after)
  end
end

local function place(id, queue, due, dead, document)
  redis.call('HSET', key('notice', id), 'queue', queue, 'due', due, 'document', document)
  with_queue(queue, function()
    if dead == '1' then
      redis.call('ZREM', key('queue', queue), id)
      redis.call('ZADD', key('dead'), 0, id)
    else
      redis.call('ZREM', key('dead'), id)
      redis.call('ZADD', key('queue', queue), 0, id)
    end
  end)
end

local function forget_old_dead()
  local surplus = redis.call('ZCARD', key('dead')) - dead_kept
  if surplus > 0 then
    for _, id in ipairs(redis.call('ZRANGE', key('dead'), 0, surplus - 1)) do
      redis.call('DEL', key('notice', id))
    end
    redis.call('ZREMRANGEBYRANK', key('dead'), 0, surplus - 1)
  end
end

-- Notices are the arguments from there on, five each. Gives the id of one that is there already.
local function known_notice(first)
  local seen = {}
  for at = first, #ARGV, 5 do
    local id = ARGV[at]
    if seen[id] or redis.call('EXISTS', key('notice', id)) == 1 then
      return id
    end
    seen[id] = true
  end
end

local function place_all(first)
  for at = first, #ARGV, 5 do
    place(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  end
  forget_old_dead()
end
