-- schema → the schema that is there
redis.call('SET', key('schema'), ARGV[1], 'NX')
return redis.call('GET', key('schema'))
