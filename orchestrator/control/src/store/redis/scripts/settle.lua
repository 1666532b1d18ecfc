-- id, and of what it becomes: queue due dead document; nothing when it was told → settled | refused why
local id = ARGV[1]
local queue = redis.call('HGET', key('notice', id), 'queue')
if not queue then
  return {'settled'}
end
if #ARGV == 1 then
  with_queue(queue, function()
    redis.call('ZREM', key('queue', queue), id)
    redis.call('ZREM', key('dead'), id)
    redis.call('DEL', key('notice', id))
  end)
  return {'settled'}
end
if ARGV[2] ~= queue then
  return {'refused', 'the notice ' .. id .. " can't become another one"}
end
place(id, queue, ARGV[3], ARGV[4], ARGV[5])
forget_old_dead()
return {'settled'}
